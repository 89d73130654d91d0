"""Tampering: whatever is changed in an export is found, and the first bad entry is named."""

import json
import subprocess
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.export_reader import ExportReader
from app.access_log.findings import Finding, LogRefused, Report
from app.access_log.merkle import root, split_hashes
from app.access_log.note import Verifier, sign_note
from app.access_log.row_checks import RowChecker
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from app.crypto.log_signing import LogSigningKey
from tests.access_log.conftest import ERASED_ENTRY
from tests.effort import EFFORT, examples

MakeExport = Callable[..., list[bytes]]
Change = Callable[[dict[str, object]], object]
SIZE = 5
FIRST_ROW = 2  # behind the header and the one tile


@pytest.fixture(scope="session")
def lines(make_export: MakeExport) -> list[bytes]:
    return make_export(SIZE)


@pytest.fixture(scope="session")
def long_lines(make_export: MakeExport) -> list[bytes]:
    """Three tiles, the last one short."""
    return make_export(600)


@pytest.fixture(scope="session")
def found(verifier: Verifier) -> Callable[..., tuple[Finding | None, int | None]]:
    """What verification finds, and where."""

    def verify(lines: list[bytes], *saved: str) -> tuple[Finding | None, int | None]:
        report = verify_export(lines, Evidence(verifiers=[verifier], saved_checkpoints=saved))
        assert (report.exit_code == 0) == (report.finding is None)
        return report.finding, report.index

    return verify


Found = Callable[..., tuple[Finding | None, int | None]]


def edited(line: bytes, change: Change) -> bytes:
    """A line with a change to its members, again in canonical form."""
    members = json.loads(line)
    change(members)
    text = json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode() + b"\n"


def replaced(lines: list[bytes], at: int, change: Change) -> list[bytes]:
    return [*lines[:at], edited(lines[at], change), *lines[at + 1 :]]


def lines_of(whole: bytes | bytearray) -> list[bytes]:
    """The lines as a file opened for bytes gives them."""
    return BytesIO(whole).readlines()


def without(lines: list[bytes], at: int) -> list[bytes]:
    return lines[:at] + lines[at + 1 :]


def test_a_sound_export_verifies(lines: list[bytes], verifier: Verifier, origin: str) -> None:
    report = verify_export(lines, Evidence(verifiers=[verifier]))
    assert report == Report(origin=origin, size=SIZE, erasures={4: (2,)})
    assert report.exit_code == 0


def test_an_empty_log_verifies(make_export: MakeExport, found: Found) -> None:
    assert found(make_export(0)) == (None, None)


def test_a_log_of_several_tiles_verifies(long_lines: list[bytes], found: Found) -> None:
    assert found(long_lines) == (None, None)


def test_whoever_watches_is_told_how_far_it_is(long_lines: list[bytes], verifier: Verifier) -> None:
    seen: list[tuple[int, int]] = []
    evidence = Evidence(verifiers=[verifier])
    verify_export(long_lines, evidence, watch=lambda done, total: seen.append((done, total)))
    assert seen == [(0, 600), (256, 600), (512, 600)]


def test_every_kind_has_an_exit_code_of_its_own() -> None:
    codes = [Report(finding=finding).exit_code for finding in Finding]
    assert len(set(codes)) == len(Finding)
    assert all(code > 2 for code in codes)


def test_the_verifier_shares_only_tree_arithmetic_and_the_format_of_notes_with_the_writer() -> None:
    notes = {"note", "checkpoint", "cosignature", "receipt", "succession"}
    own = {"export_reader", "findings", "leaf_hashes", "row_checks", "vouching"}
    verifiers = {"verifier", "tile_verifier"}
    allowed = {"merkle", "tile_paths", "instants"} | notes | own | verifiers
    program = (
        "import sys, app.access_log.verifier, app.access_log.tile_verifier;"
        "loaded = {name for name in sys.modules if name.startswith('app.access_log.')};"
        f"more = loaded - {{'app.access_log.' + name for name in {allowed!r}}};"
        "more |= {'sqlalchemy', 'httpx', 'app.database'} & set(sys.modules);"
        "assert not more, more"
    )
    subprocess.run([sys.executable, "-c", program], check=True)  # noqa: S603 - our own program


# Any change at all


def test_every_single_byte_counts(lines: list[bytes], found: Found) -> None:
    whole = b"".join(lines)
    flips = (0x01, 0x20)  # a neighbour, and the other case of a letter
    for at in range(len(whole)):
        # In the short run the two take turns.
        for flip in flips if EFFORT > 1 else flips[at % 2 :][:1]:
            changed = bytearray(whole)
            changed[at] ^= flip
            assert found(lines_of(changed))[0] is not None, at


@examples(60)
@given(data=st.data())
def test_any_byte_may_become_any_other_and_is_found(
    lines: list[bytes], found: Found, data: st.DataObject
) -> None:
    whole = bytearray(b"".join(lines))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))
    assert found(lines_of(whole))[0] is not None


@examples(25)
@given(data=st.data())
def test_any_byte_that_is_put_in_or_taken_out_is_found(
    lines: list[bytes], found: Found, data: st.DataObject
) -> None:
    whole = b"".join(lines)
    at = data.draw(st.integers(0, len(whole) - 1))
    byte = data.draw(st.binary(min_size=1, max_size=1))
    for changed in (whole[:at] + byte + whole[at:], whole[:at] + whole[at + 1 :]):
        assert found(lines_of(changed))[0] is not None


@pytest.mark.parametrize("place", range(SIZE + FIRST_ROW))
def test_any_line_that_is_missing_or_doubled_is_found(
    lines: list[bytes], found: Found, place: int
) -> None:
    assert found(without(lines, place))[0] is not None
    assert found([*lines[:place], lines[place], *lines[place:]])[0] is not None


@examples(20)
@given(data=st.data())
def test_any_two_lines_that_changed_places_are_found(
    long_lines: list[bytes], found: Found, data: st.DataObject
) -> None:
    places = st.integers(0, len(long_lines) - 1)
    first, second = data.draw(st.lists(places, min_size=2, max_size=2, unique=True))
    changed = long_lines.copy()
    changed[first], changed[second] = changed[second], changed[first]
    assert found(changed)[0] is not None


# Each kind by its name


@pytest.mark.parametrize("index", range(SIZE))
def test_an_edited_leaf_is_named(lines: list[bytes], found: Found, index: int) -> None:
    def edit(row: dict[str, object]) -> None:
        row["leaf"] = str(row["leaf"]).replace("sha256:0", "sha256:1")

    changed = replaced(lines, FIRST_ROW + index, edit)
    assert found(changed) == (Finding.EDITED_LEAF, index)


@pytest.mark.parametrize("member", ["content", "salt"])
def test_an_edited_section_is_named(lines: list[bytes], found: Found, member: str) -> None:
    def edit(row: dict[str, dict[str, dict[str, str]]]) -> None:
        section = row["sections"]["actor"]
        changed = {"content": '{"officer":"another"}', "salt": b64encode(bytes(32)).decode()}
        section[member] = changed[member]

    changed = replaced(lines, FIRST_ROW + 3, edit)  # type: ignore[arg-type]  # a row's own form
    assert found(changed) == (Finding.EDITED_SECTION, 3)


def test_a_section_that_the_leaf_does_not_commit_to_is_named(
    lines: list[bytes], found: Found
) -> None:
    def edit(row: dict[str, dict[str, object]]) -> None:
        row["sections"]["inputs"] = row["sections"]["actor"]

    changed = replaced(lines, FIRST_ROW + 3, edit)  # type: ignore[arg-type]  # a row's own form
    assert found(changed) == (Finding.EDITED_SECTION, 3)


@pytest.mark.parametrize(
    ("section", "missing"), [("actor", {}), ("subject", {}), ("actor", {"personal": "erased"})]
)
def test_a_section_that_was_taken_away_is_named(
    lines: list[bytes], found: Found, section: str, missing: dict[str, str]
) -> None:
    def edit(row: dict[str, dict[str, object]]) -> None:
        del row["sections"][section]
        row["missing"] = dict(missing)

    changed = replaced(lines, FIRST_ROW + 3, edit)  # type: ignore[arg-type]  # a row's own form
    assert found(changed) == (Finding.MISSING_SECTION, 3)


def test_what_was_taken_away_without_an_erasure_that_says_so_is_unexplained(
    lines: list[bytes], found: Found
) -> None:
    def take_away(row: dict[str, dict[str, object]]) -> None:
        for name in row["sections"].keys() - {"circumstances", "actor", "grounds"}:
            del row["sections"][name]
        row["missing"] = {"personal": "erased"}

    changed = replaced(lines, FIRST_ROW + 3, take_away)  # type: ignore[arg-type]  # a row's own form
    assert found(changed) == (Finding.UNEXPLAINED, 3)


def test_an_entry_about_nobody_has_nothing_that_an_erasure_takes(lines: list[bytes]) -> None:
    """Whoever wants to hide what an alarm or a change of the policy said could call it erased."""
    row = ExportReader([lines[FIRST_ROW + 1]]).row(1)
    assert row is not None
    kept = {name: row.sections[name] for name in ("circumstances", "actor", "grounds")}
    assert row.sections.keys() - kept.keys() == {"fields", "payload"}
    erased = replace(row, sections=kept, missing={"personal": "erased"})
    with pytest.raises(LogRefused) as refused:
        RowChecker().check(erased, 1)
    assert refused.value.finding is Finding.MISSING_SECTION


def test_one_erasure_does_not_explain_two_entries_of_one_id(lines: list[bytes]) -> None:
    row = ExportReader([lines[FIRST_ROW + ERASED_ENTRY]]).row(ERASED_ENTRY)
    assert row is not None
    rows = RowChecker()
    rows.check(row, row.index)
    with pytest.raises(LogRefused, match="same id"):
        rows.check(replace(row, index=3), 3)


def test_an_erasure_that_was_not_carried_out_is_found(
    make_export: MakeExport, found: Found
) -> None:
    assert found(make_export(SIZE, carried_out=False)) == (Finding.NOT_ERASED, SIZE - 1)


@pytest.mark.parametrize(
    ("missing", "finding"),
    [
        ({"personal": "erased"}, Finding.MISSING_SECTION),
        ({"retained": "erased"}, Finding.MALFORMED_LINE),
        ({"personal": "lost"}, Finding.MALFORMED_LINE),
        ({"inputs": "withheld"}, Finding.MISSING_SECTION),
        ({"reference": "withheld", "inputs": "withheld"}, Finding.MISSING_SECTION),
        ({"subject": "withheld"}, Finding.MALFORMED_LINE),
        ({"retained": "damaged"}, Finding.DAMAGED_SECTION),
    ],
)
def test_what_a_row_says_about_missing_sections_must_be_so(
    lines: list[bytes], found: Found, missing: dict[str, str], finding: Finding
) -> None:
    def edit(row: dict[str, object]) -> None:
        row["missing"] = missing

    assert found(replaced(lines, FIRST_ROW + 3, edit)) == (finding, 3)


@pytest.mark.parametrize("index", range(SIZE - 1))
def test_a_deleted_row_is_named(lines: list[bytes], found: Found, index: int) -> None:
    changed = without(lines, FIRST_ROW + index)
    assert found(changed) == (Finding.DELETED_ROW, index)


def test_a_deleted_row_is_named_even_if_the_others_are_numbered_anew(
    lines: list[bytes], found: Found
) -> None:
    changed = without(lines, FIRST_ROW + 1)
    for at in range(FIRST_ROW + 1, len(changed)):

        def edit(row: dict[str, object], index: int = at - FIRST_ROW) -> None:
            row["index"] = index

        changed = replaced(changed, at, edit)
    assert found(changed) == (Finding.DELETED_ROW, 1)


def test_the_first_bad_entry_is_named_where_several_are(lines: list[bytes], found: Found) -> None:
    changed = [*without(lines, FIRST_ROW + 1)[:-1], b"no json\n"]
    assert found(changed) == (Finding.DELETED_ROW, 1)


@pytest.mark.parametrize("kept", range(SIZE))
def test_a_truncated_tail_is_named(lines: list[bytes], found: Found, kept: int) -> None:
    assert found(lines[: FIRST_ROW + kept]) == (Finding.TRUNCATED, kept)


def test_a_file_that_is_cut_off_within_a_line_is_truncated(
    lines: list[bytes], found: Found
) -> None:
    assert found([*lines[:-1], lines[-1][:-9]]) == (Finding.TRUNCATED, SIZE - 1)
    assert found(lines[:1]) == (Finding.TRUNCATED, 0)
    assert found([]) == (Finding.TRUNCATED, None)


def test_reordered_rows_are_named(lines: list[bytes], found: Found) -> None:
    changed = lines.copy()
    changed[FIRST_ROW + 1], changed[FIRST_ROW + 4] = changed[FIRST_ROW + 4], changed[FIRST_ROW + 1]
    assert found(changed) == (Finding.REORDERED_ROWS, 1)


def test_a_row_that_claims_another_index_is_named(lines: list[bytes], found: Found) -> None:
    def edit(row: dict[str, object]) -> None:
        row["index"] = 4

    assert found(replaced(lines, FIRST_ROW + 3, edit)) == (Finding.MALFORMED_LINE, 3)


def test_a_surplus_row_is_named(lines: list[bytes], found: Found) -> None:
    assert found([*lines, lines[-1]]) == (Finding.SURPLUS_ROW, SIZE)


def test_an_edited_tile_is_named(long_lines: list[bytes], found: Found) -> None:
    def edit(tile: dict[str, str]) -> None:
        hashes = bytearray(b64decode(tile["hashes"]))
        hashes[7 * 32] ^= 1
        tile["hashes"] = b64encode(hashes).decode()

    changed = replaced(long_lines, 2, edit)  # type: ignore[arg-type]  # a tile's own form
    assert found(changed) == (Finding.BAD_TILE, 256 + 7)


def test_swapped_tiles_are_named(long_lines: list[bytes], found: Found) -> None:
    swapped = [long_lines[0], long_lines[2], long_lines[1], *long_lines[3:]]
    assert found(swapped) == (Finding.BAD_TILE, 0)
    renumbered = swapped
    for at in (1, 2):

        def edit(tile: dict[str, object], index: int = at - 1) -> None:
            tile["index"] = index

        renumbered = replaced(renumbered, at, edit)
    assert found(renumbered) == (Finding.BAD_TILE, 0)


def test_a_missing_or_cut_tile_is_named(long_lines: list[bytes], found: Found) -> None:
    assert found(without(long_lines, 2)) == (Finding.BAD_TILE, 256)
    assert found(without(long_lines, 3)) == (Finding.BAD_TILE, 512)

    def cut(tile: dict[str, str]) -> None:
        tile["hashes"] = b64encode(b64decode(tile["hashes"])[:-32]).decode()

    changed = replaced(long_lines, 3, cut)  # type: ignore[arg-type]  # a tile's own form
    assert found(changed) == (Finding.BAD_TILE, 512)


# The checkpoint


def renoted(lines: list[bytes], note: str) -> list[bytes]:
    def edit(header: dict[str, object]) -> None:
        header["checkpoint"] = note

    return replaced(lines, 0, edit)


def checkpoint_of(lines: list[bytes]) -> str:
    return str(json.loads(lines[0])["checkpoint"])


def text_of(lines: list[bytes]) -> str:
    return checkpoint_of(lines).partition("\n\n")[0] + "\n"


def test_a_checkpoint_of_an_unknown_key_is_named(
    lines: list[bytes], found: Found, origin: str
) -> None:
    other = LogSigningKey.from_seed(bytes(32))
    note = sign_note(text_of(lines), name=origin, key=other)
    assert found(renoted(lines, note)) == (Finding.BAD_SIGNATURE, None)


def test_a_wrong_signature_is_named(
    lines: list[bytes], found: Found, origin: str, log_key: LogSigningKey
) -> None:
    other = sign_note("another text\n", name=origin, key=log_key).partition("\n\n")[2]
    note = text_of(lines) + "\n" + other
    assert found(renoted(lines, note)) == (Finding.BAD_SIGNATURE, None)


def test_a_checkpoint_of_another_origin_is_named(
    lines: list[bytes], verifier: Verifier, log_key: LogSigningKey
) -> None:
    """Rightly signed by a key that is known, as that of another log."""
    text = "other.example/log\n" + text_of(lines).partition("\n")[2]
    note = sign_note(text, name="other.example/log", key=log_key)
    both = [verifier, Verifier.of("other.example/log", log_key)]
    report = verify_export(renoted(lines, note), Evidence(verifiers=both))
    assert report.finding is Finding.OTHER_ORIGIN


def test_a_checkpoint_that_only_a_witness_signed_is_named(
    lines: list[bytes], verifier: Verifier
) -> None:
    witness = LogSigningKey.from_seed(bytes(32))
    note = sign_note(text_of(lines), name="witness.example", key=witness)
    both = [verifier, Verifier.of("witness.example", witness)]
    report = verify_export(renoted(lines, note), Evidence(verifiers=both))
    assert report.finding is Finding.OTHER_ORIGIN


def test_entries_of_another_log_are_named(make_export: MakeExport, found: Found) -> None:
    assert found(make_export(3, leaf_origin="other.example")) == (Finding.OTHER_ORIGIN, 0)


@pytest.mark.parametrize(
    "leaf",
    [
        b"no json",
        b"[]",
        b"{}",
        b'{"commitments":[],"origin":"log.example/access","version":1}',
        b'{"commitments":{"actor":"?"},"origin":"log.example/access","version":1}',
        b'{"commitments":{},"origin":"log.example/access","version":2}',
    ],
)
def test_a_leaf_of_another_form_is_named_though_it_was_signed(
    make_export: MakeExport, found: Found, leaf: bytes
) -> None:
    assert found(make_export(1, first_leaf=leaf)) == (Finding.MALFORMED_LINE, 0)


def test_a_log_that_was_rewritten_as_a_whole_is_named(
    lines: list[bytes], make_export: MakeExport, found: Found
) -> None:
    rewritten = make_export(SIZE)
    assert found([lines[0], *rewritten[1:]]) == (Finding.ROOT_MISMATCH, 0)


def test_a_header_of_another_size_is_named(
    lines: list[bytes], make_export: MakeExport, found: Found
) -> None:
    smaller = checkpoint_of(make_export(SIZE - 1))
    assert found(renoted(lines, smaller)) == (Finding.MALFORMED_LINE, None)


# Saved checkpoints


def test_a_log_that_extends_every_saved_checkpoint_verifies(
    long_lines: list[bytes], found: Found, origin: str, log_key: LogSigningKey
) -> None:
    assert found(long_lines, *saved_notes(long_lines, origin, log_key)) == (None, None)


def saved_notes(lines: list[bytes], origin: str, key: LogSigningKey) -> list[str]:
    """Checkpoints that this log published on its way."""
    tiles = [json.loads(line) for line in lines if b'"type":"tile"' in line]
    hashes = split_hashes(b"".join(b64decode(tile["hashes"]) for tile in tiles))
    sizes = (512, 0, 1, 300, len(hashes))
    return [sign_checkpoint(Checkpoint(origin, n, root(hashes[:n])), key) for n in sizes]


def test_a_log_that_is_behind_a_saved_checkpoint_is_named(
    lines: list[bytes], make_export: MakeExport, found: Found
) -> None:
    """The tail was cut off and the rest signed anew: only who kept a checkpoint can tell."""
    newer = checkpoint_of(make_export(SIZE + 1))
    assert found(lines, newer) == (Finding.BEHIND_SAVED_CHECKPOINT, SIZE)


def test_a_log_that_does_not_extend_a_saved_checkpoint_is_named(
    long_lines: list[bytes],
    make_export: MakeExport,
    found: Found,
    origin: str,
    log_key: LogSigningKey,
) -> None:
    fork = checkpoint_of(make_export(400))
    notes = saved_notes(long_lines, origin, log_key)
    assert found(long_lines, *notes, fork) == (Finding.FORKED, 300)


def test_a_saved_checkpoint_must_itself_be_rightly_signed(
    lines: list[bytes], verifier: Verifier, found: Found, log_key: LogSigningKey
) -> None:
    refused = (Finding.SAVED_CHECKPOINT_REFUSED, None)
    assert found(lines, "nothing") == refused
    assert found(lines, checkpoint_of(lines).replace("\n5\n", "\n4\n")) == refused
    other = sign_checkpoint(Checkpoint("other.example", 1, bytes(32)), log_key)
    both = [verifier, Verifier.of("other.example", log_key)]
    report = verify_export(lines, Evidence(verifiers=both, saved_checkpoints=[other]))
    assert report.finding is Finding.SAVED_CHECKPOINT_REFUSED


# Forms that mean the same to a lenient reader


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"index":3', b'"index":3.0'),
        (b'"index":3', b'"index":true'),
        (b'"index":3', b'"index": 3'),
        (b'"index":3', b'"index":3,"index":3'),
        (b'"type":"entry"', b'"type":"entry","extra":1'),
        (b'"type":"entry"', b'"type":"\\u0065ntry"'),
        (b'"type":"entry"', b'"type":"tile"'),
        (b'"leaf":"', b'"leaf":1,"x":"'),
        (b'"sections":{', b'"sections":[],"x":{'),
    ],
)
def test_there_is_one_way_to_write_a_row(
    lines: list[bytes], found: Found, old: bytes, new: bytes
) -> None:
    at = FIRST_ROW + 3
    assert old in lines[at]
    changed = [*lines[:at], lines[at].replace(old, new), *lines[at + 1 :]]
    assert found(changed) == (Finding.MALFORMED_LINE, 3)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"version":1', b'"version":1.0'),
        (b'"version":1', b'"version":2'),
        (b'"version":1', b'"version":1,"z":1'),
        (b'"size":5', b'"size":5.0'),
    ],
)
def test_there_is_one_way_to_write_a_header(
    lines: list[bytes], found: Found, old: bytes, new: bytes
) -> None:
    assert old in lines[0]
    assert found([lines[0].replace(old, new), *lines[1:]]) == (Finding.MALFORMED_LINE, None)


def test_nesting_without_end_is_malformed(lines: list[bytes], found: Found) -> None:
    deep = b'{"a":' * 500 + b"1" + b"}" * 500 + b"\n"
    assert found([deep, *lines[1:]]) == (Finding.MALFORMED_LINE, None)
