"""A log at its address: every tile up to the root, leaves for auditors, and where it is bad."""

from collections.abc import Callable, Iterable

import pytest

from app.access_log import tile_paths
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.findings import Finding, Report
from app.access_log.merkle import leaf_hash, root
from app.access_log.note import Verifier
from app.access_log.sealing import SealedEntry
from app.access_log.tile_paths import Place
from app.access_log.tile_verifier import verify_published
from app.access_log.vouching import Evidence
from app.crypto.log_signing import LogSigningKey

SIZE = 600
Found = tuple[Finding | None, int | None, int | None]


def published(leaves: list[bytes], note: str) -> dict[str, bytes]:
    """What a log has under its paths, written out."""
    files = {"checkpoint": note.encode()}
    hashes = [leaf_hash(leaf) for leaf in leaves]
    for place in places(len(leaves)):
        bundle = (len(leaf).to_bytes(2) + leaf for leaf in leaves[place.start : place.stop])
        files[f"tile/entries/{tile_paths.format_place(place)}"] = b"".join(bundle)
    level = 0
    while hashes:
        for place in places(len(hashes)):
            path = f"tile/{level}/{tile_paths.format_place(place)}"
            files[path] = b"".join(hashes[place.start : place.stop])
        full = len(hashes) // 256
        hashes = [root(hashes[at * 256 : at * 256 + 256]) for at in range(full)]
        level += 1
    return files


def places(size: int) -> Iterable[Place]:
    return (Place(start // 256, min(256, size - start)) for start in range(0, size, 256))


@pytest.fixture(scope="module")
def leaves(seal: Callable[..., SealedEntry]) -> list[bytes]:
    return [seal(number).leaf for number in range(SIZE)]


@pytest.fixture(scope="module")
def files(leaves: list[bytes], origin: str, log_key: LogSigningKey) -> dict[str, bytes]:
    checkpoint = Checkpoint(origin, SIZE, root(leaf_hash(leaf) for leaf in leaves))
    return published(leaves, sign_checkpoint(checkpoint, log_key))


@pytest.fixture(scope="module")
def verify(verifier: Verifier) -> Callable[..., Report]:
    def run(files: dict[str, bytes], *saved: str, with_entries: bool = True) -> Report:
        evidence = Evidence(verifiers=[verifier], saved_checkpoints=saved)
        return verify_published(files.get, evidence, with_entries=with_entries)

    return run


Verify = Callable[..., Report]


def spoiled(files: dict[str, bytes], path: str, at: int) -> dict[str, bytes]:
    """The same with one bit turned over."""
    content = bytearray(files[path])
    content[at] ^= 1
    return files | {path: bytes(content)}


def found(report: Report) -> Found:
    return report.finding, report.index, report.last


def test_a_log_verifies_with_its_leaves_and_without(
    files: dict[str, bytes], verify: Verify, origin: str
) -> None:
    assert set(files) == {
        "checkpoint",
        *(f"tile/{kind}/{n}" for kind in ("0", "entries") for n in ("000", "001", "002.p/88")),
        "tile/1/000.p/2",
    }
    for with_entries in (True, False):
        report = verify(files, with_entries=with_entries)
        assert report == Report(origin=origin, size=SIZE)
    without_leaves = {path: data for path, data in files.items() if "entries" not in path}
    assert verify(without_leaves, with_entries=False).finding is None


def test_an_empty_log_verifies(verify: Verify, origin: str, log_key: LogSigningKey) -> None:
    note = sign_checkpoint(Checkpoint(origin, 0, root(())), log_key)
    assert verify({"checkpoint": note.encode()}).finding is None


def test_every_file_counts(files: dict[str, bytes], verify: Verify) -> None:
    for path, content in files.items():
        assert verify(spoiled(files, path, len(content) // 2)).finding is not None, path
        assert verify(files | {path: content[:-1]}).finding is not None, path
        missing = {other: data for other, data in files.items() if other != path}
        assert verify(missing).finding is not None, path


def test_where_leaves_survive_the_very_entry_is_named(
    files: dict[str, bytes], verify: Verify
) -> None:
    report = verify(spoiled(files, "tile/0/001", 32 * 7))
    assert found(report) == (Finding.EDITED_LEAF, 256 + 7, None)
    report = verify(spoiled(files, "tile/entries/000", 40))
    assert found(report) == (Finding.EDITED_LEAF, 0, None)


def test_where_the_tile_above_survives_the_tile_is_named(
    files: dict[str, bytes], verify: Verify
) -> None:
    report = verify(spoiled(files, "tile/0/001", 32 * 7), with_entries=False)
    assert found(report) == (Finding.BAD_TILE, 256, 511)


def test_where_nothing_survives_the_last_good_checkpoint_bounds_it(
    files: dict[str, bytes],
    leaves: list[bytes],
    verify: Verify,
    origin: str,
    log_key: LogSigningKey,
) -> None:
    bad = spoiled(files, "tile/0/002.p/88", 0)
    assert found(verify(bad, with_entries=False)) == (Finding.ROOT_MISMATCH, 0, 599)
    hashes = [leaf_hash(leaf) for leaf in leaves]
    saved = [
        sign_checkpoint(Checkpoint(origin, n, root(hashes[:n])), log_key) for n in (64, 510, 550)
    ]
    report = verify(bad, *saved, with_entries=False)
    assert found(report) == (Finding.ROOT_MISMATCH, 510, 549)


def test_a_tile_above_that_was_tampered_with_is_named_though_all_entries_are_sound(
    files: dict[str, bytes], verify: Verify
) -> None:
    report = verify(spoiled(files, "tile/1/000.p/2", 32))
    assert found(report) == (Finding.BAD_TILE, 256, 511)


def test_a_log_that_was_rewritten_as_a_whole_is_found_by_who_kept_a_checkpoint(
    seal: Callable[..., SealedEntry],
    files: dict[str, bytes],
    verify: Verify,
    origin: str,
    log_key: LogSigningKey,
) -> None:
    others = [seal(number).leaf for number in range(SIZE)]
    note = sign_checkpoint(Checkpoint(origin, SIZE, root(map(leaf_hash, others))), log_key)
    anew = published(others, note)
    assert verify(anew).finding is None
    assert found(verify(anew, files["checkpoint"].decode())) == (Finding.FORKED, 0, 599)


def test_every_size_to_70_verifies_and_extends_every_size_before_it(
    leaves: list[bytes], verifier: Verifier, origin: str, log_key: LogSigningKey
) -> None:
    hashes = [leaf_hash(leaf) for leaf in leaves[:70]]
    notes = [
        sign_checkpoint(Checkpoint(origin, size, root(hashes[:size])), log_key)
        for size in range(71)
    ]
    for size, note in enumerate(notes):
        evidence = Evidence(verifiers=[verifier], saved_checkpoints=notes[: size + 1])
        log = published(leaves[:size], note)
        report = verify_published(log.get, evidence, with_entries=True)
        assert (report.finding, report.size) == (None, size)
        if size > 0:
            index = size * 3 // 5
            bad = spoiled(log, f"tile/0/000.p/{size}", 32 * index)
            around = Evidence(
                verifiers=[verifier], saved_checkpoints=[notes[index + 1], notes[index]]
            )
            report = verify_published(bad.get, around, with_entries=False)
            assert found(report) == (Finding.ROOT_MISMATCH, index, index)
