"""Verifiers that were not written here, each behind one function: hold the log in a folder to it.

A function raises for a log that its verifier refuses, and `NotRun` where the verifier cannot be
had on this machine. Which bytes each of them looks at stands beside it.
"""

import os
import shutil
import subprocess
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, TypeVar

SOURCE = Path(__file__).parent / "go"
# Where Debian keeps the sources of golang-golang-x-mod-dev.
GO_SOURCES = Path("/usr/share/gocode")

T = TypeVar("T")
Flip = tuple[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Included:
    """That a leaf stands at `index` of the tree of `size` with this root."""

    leaf: bytes
    index: int
    size: int
    hashes: Sequence[bytes]
    root: bytes


class NotRun(Exception):
    """The verifier is not to be had on this machine."""


class Refused(Exception):
    """The verifier does not accept the log."""


@dataclass(frozen=True, slots=True)
class Foreign:
    """A verifier. `judge` says of each folder whether it is accepted, None, or why not.

    `flips` are the bytes, by file and place in it, that it looks at and must miss. `proofs`, for
    one that takes a proof by itself, judges an inclusion proof by this tree's arithmetic.
    """

    name: str
    judge: Callable[[Sequence[Path]], list[str | None]]
    flips: Callable[[Path], Iterator[Flip]]
    proofs: Callable[[Included], str | None] | None = None


def _one_by_one(verify: Callable[[Path], None]) -> Callable[[Sequence[Path]], list[str | None]]:
    def judge(folders: Sequence[Path]) -> list[str | None]:
        return [_reason(verify, folder) for folder in folders]

    return judge


def _reason(verify: Callable[[T], None], claim: T) -> str | None:
    """Why it is refused; None where it is accepted."""
    try:
        verify(claim)
    except NotRun:
        raise
    except Exception as refused:  # noqa: BLE001 - each verifier has errors of its own
        return f"{type(refused).__name__}: {refused}"
    return None


def every_file(folder: Path, *, but: str = "nothing") -> Iterator[Flip]:
    """The byte in the middle of every file, and the first one; `but` is a folder left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.parent.name != but:
            for place in (0, path.stat().st_size // 2):
                yield str(path.relative_to(folder)), place


# sigstore: the inclusion check of its client. It takes leaf, path and root.


def with_sigstore(folder: Path) -> None:
    """Hold each proof file to sigstore's check of inclusion in Rekor's tree."""
    size, root = _root_of(folder)
    leaves = _leaves(folder, size)
    for path in (folder / "proof").iterdir():
        index, hashes = int(path.name), _hashes(path.read_text())
        sigstore_includes(
            Included(leaf=leaves[index], index=index, size=size, hashes=hashes, root=root)
        )


def sigstore_includes(claim: Included) -> None:
    """Hold one proof to it; it raises an error of its own."""
    try:
        verify = import_module("sigstore._internal.merkle").verify_merkle_inclusion
    except (ImportError, AttributeError) as error:
        raise NotRun(f"there is no {error.name}") from None
    proof = SimpleNamespace(
        log_index=claim.index,
        tree_size=claim.size,
        hashes=list(claim.hashes),
        root_hash=claim.root,
    )
    inner = SimpleNamespace(inclusion_proof=proof, canonicalized_body=claim.leaf)
    verify(SimpleNamespace(_inner=inner))


def sigstore_flips(folder: Path) -> Iterator[Flip]:
    """In a leaf, in a path, in the root."""
    yield "tile/entries/001", 9  # in the leaf of index 256
    for path in (folder / "proof").iterdir():
        lines = path.read_bytes().split(b"\n")
        yield f"proof/{path.name}", len(lines[0]) + len(lines[1]) + 12
    yield "checkpoint", len("\n".join((folder / "checkpoint").read_text().split("\n")[:2])) + 12


# aics-tlog: notes, cosignatures, tiles, and both kinds of proof.


def with_aics_tlog(folder: Path) -> None:
    """Hold the whole log to aics-tlog."""
    tlog = _aics_tlog()
    key = tlog.parse_vkey((folder / "vkey").read_text())

    def opened(note: str) -> tuple[int, bytes]:
        result = tlog.verify_checkpoint(tlog.parse_note(note), key, expected_origin=key.name)
        if not result.ok:
            raise Refused(result.error)
        return result.size, result.root

    size, root = opened((folder / "checkpoint").read_text())
    witness = tlog.parse_vkey((folder / "witness" / "vkey").read_text())
    cosigned = tlog.parse_note((folder / "witness" / "checkpoint").read_text())
    result = tlog.verify_checkpoint(cosigned, key, [witness], quorum=1)
    _expect(result.ok and result.root == root, result.error)
    tlog.audit_tiles(tlog.FileSystemTileReader(folder), size, root)
    leaves = _leaves(folder, size)
    for path in (folder / "proof").iterdir():
        head, _, note = path.read_text().partition("\n\n")
        _expect(head.startswith(f"c2sp.org/tlog-proof@v1\nindex {path.name}"), "another form")
        of_size, of_root = opened(note)
        index, hashes = int(path.name), _hashes(path.read_text())
        _expect(
            tlog.verify_leaf_inclusion(leaves[index], index, of_size, hashes, of_root),
            "no inclusion",
        )
    for path in (folder / "consistency").iterdir():
        head, _, note = path.read_text().partition("\n\n")
        _expect(head.startswith(f"old {path.name}"), "another form")
        of_size, of_root = opened(note)
        old_size, old_root = opened((folder / "saved" / path.name).read_text())
        hashes = _hashes(path.read_text())
        consistent = tlog.verify_consistency(old_size, of_size, old_root, of_root, hashes)
        _expect(consistent, "no consistency")


def aics_tlog_includes(claim: Included) -> None:
    """Hold one proof to it."""
    included = _aics_tlog().verify_leaf_inclusion(
        claim.leaf, claim.index, claim.size, claim.hashes, claim.root
    )
    _expect(included, "no inclusion")


def _aics_tlog() -> Any:  # noqa: ANN401 - it may not be here
    try:
        return import_module("aics_tlog")
    except ImportError:
        raise NotRun("aics_tlog is not installed") from None


# Go's x/mod: notes, tiles, and both kinds of proof, all folders in one run.


def with_go(folders: Sequence[Path]) -> list[str | None]:
    """Hold the whole log to golang.org/x/mod's packages note and tlog."""
    go = shutil.which("go")
    if go is None:
        raise NotRun("there is no go")
    if not (GO_SOURCES / "src/golang.org/x/mod/sumdb/tlog").exists():
        raise NotRun("Debian's golang-golang-x-mod-dev is not installed")
    offline = {"GOPATH": str(GO_SOURCES), "GO111MODULE": "off", "CGO_ENABLED": "0"}
    with TemporaryDirectory() as place:
        program = Path(place) / "verify"
        build = [go, "build", "-o", str(program), str(SOURCE / "main.go")]
        subprocess.run(build, check=True, env={**os.environ, **offline})  # noqa: S603 - our own
        run = [str(program), *map(str, folders)]
        done = subprocess.run(run, check=True, capture_output=True, text=True)  # noqa: S603 - our own
    said = done.stdout.splitlines()
    assert len(said) == len(folders)
    return [None if line == "accepted" else line for line in said]


FOREIGN = (
    Foreign(
        "sigstore's inclusion check",
        _one_by_one(with_sigstore),
        sigstore_flips,
        partial(_reason, sigstore_includes),
    ),
    Foreign(
        "aics-tlog",
        _one_by_one(with_aics_tlog),
        every_file,
        partial(_reason, aics_tlog_includes),
    ),
    # It knows nothing of cosignatures.
    Foreign("Go's x/mod: sumdb/note and sumdb/tlog", with_go, partial(every_file, but="witness")),
)


def _root_of(folder: Path) -> tuple[int, bytes]:
    """Size and root of the checkpoint; sigstore's check takes them on trust."""
    lines = (folder / "checkpoint").read_text().split("\n")
    return int(lines[1]), b64decode(lines[2])


def _hashes(proof: str) -> list[bytes]:
    """The hashes of a proof file: the lines behind its head that are no `index`."""
    lines = proof.partition("\n\n")[0].split("\n")[1:]
    return [b64decode(line) for line in lines if not line.startswith("index ")]


def _leaves(folder: Path, size: int) -> Mapping[int, bytes]:
    """The leaves by index, out of their bundles."""
    leaves: list[bytes] = []
    for bundle in sorted((folder / "tile" / "entries").rglob("*")):
        data = bundle.read_bytes() if bundle.is_file() else b""
        while data:
            stop = 2 + int.from_bytes(data[:2])
            leaves.append(data[2:stop])
            data = data[stop:]
    _expect(len(leaves) == size, "leaves are missing")
    return dict(enumerate(leaves))


def _expect(holds: object, reason: object) -> None:
    if not holds:
        raise Refused(reason)
