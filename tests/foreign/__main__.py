"""`make foreign`: every foreign verifier that can be had accepts the log, and misses every flip.

A verifier that refuses what is right, or accepts what is not, ends the run with status 1.
"""

import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from app.access_log.merkle import inclusion_proof, leaf_hash, root
from tests.foreign.verifiers import FOREIGN, Foreign, Included, NotRun
from tests.foreign.written_log import write_log

LARGEST = 70


def main() -> int:
    """Run them all, a line for each."""
    passed, not_run, failed = 0, 0, 0
    with TemporaryDirectory() as place:
        log = Path(place) / "log"
        log.mkdir()
        write_log(log)
        for foreign in FOREIGN:
            try:
                problems, flips = _try(foreign, log, Path(place))
            except NotRun as reason:
                _say(f"NOT RUN: {foreign.name} ({reason})")
                not_run += 1
                continue
            passed, failed = passed + (not problems), failed + bool(problems)
            _say(f"{'FAILED' if problems else 'passed'}: {foreign.name} ({flips} bytes flipped)")
            for problem in problems:
                _say(f"  {problem}")
    _say(f"foreign verifiers: {passed} accepted and refused as they should, {not_run} NOT RUN")
    return 1 if failed else 0


def _try(foreign: Foreign, log: Path, place: Path) -> tuple[list[str], int]:
    """What is wrong with its judgement, and how many bytes were flipped."""
    flips = list(foreign.flips(log))
    copies = list(_flipped(log, place / "flipped", flips))
    try:
        accepted, *refused = foreign.judge([log, *copies])
    finally:
        shutil.rmtree(place / "flipped")
    problems = list(_wrong_of_small_trees(foreign))
    problems += [] if accepted is None else [f"the log as it was written is refused: {accepted}"]
    for (path, at), reason in zip(flips, refused, strict=True):
        if reason is None:
            problems.append(f"{path} with another byte {at} is accepted")
    return problems, len(flips)


def _wrong_of_small_trees(foreign: Foreign) -> Iterator[str]:
    """What it says otherwise than it should, of every proof in every tree of up to 70 leaves."""
    if foreign.proofs is None:
        return
    for claim in _small_trees():
        if (reason := foreign.proofs(claim)) is not None:
            yield f"leaf {claim.index} of {claim.size} is refused: {reason}"
        if foreign.proofs(replace(claim, leaf=claim.leaf + b"?")) is None:
            yield f"another leaf {claim.index} of {claim.size} is accepted"


@cache
def _small_trees() -> tuple[Included, ...]:
    leaves = [bytes([number]) for number in range(LARGEST)]
    trees = (leaves[:size] for size in range(1, LARGEST + 1))
    return tuple(
        Included(
            leaf=leaf,
            index=index,
            size=len(tree),
            hashes=inclusion_proof(hashes, index),
            root=head,
        )
        for tree in trees
        for hashes in [[leaf_hash(leaf) for leaf in tree]]
        for head in [root(hashes)]
        for index, leaf in enumerate(tree)
    )


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the result


def _flipped(log: Path, place: Path, flips: list[tuple[str, int]]) -> Iterator[Path]:
    """A copy of the log for each flip; what is not flipped is linked."""
    for number, (path, at) in enumerate(flips):
        copy = place / str(number)
        shutil.copytree(log, copy, copy_function=lambda source, to: Path(to).hardlink_to(source))
        content = bytearray((log / path).read_bytes())
        content[at] ^= 1
        (copy / path).unlink()
        (copy / path).write_bytes(content)
        yield copy


if __name__ == "__main__":
    sys.exit(main())
