"""The names of one log: each but the first is opened by the entry that says so."""

from dataclasses import replace

import pytest

from app.access_log import canonical_json
from app.access_log.checkpoint import Checkpoint
from app.access_log.succession import Names, Reason, Succession

OLD, NEW = "log.example/access", "log.example/access-2"
OPENED = Succession(origin=NEW, kept=2, previous=Checkpoint(OLD, 5, bytes(32)), note="signed")


def stated(succession: Succession) -> bytes:
    """The section of an entry that states this."""
    statement = succession.to_json(reasons=[Reason.RESTORED], key="")
    return canonical_json.encode(statement)


@pytest.fixture
def names() -> Names:
    """Two entries under the first name."""
    names = Names()
    assert all(names.follow(index, OLD, None) for index in range(2))
    return names


def test_a_statement_is_read_as_it_was_written() -> None:
    assert Succession.read(stated(OPENED)) == OPENED
    assert OPENED.lost == 3
    assert replace(OPENED, previous=Checkpoint(OLD, 1, bytes(32))).lost == 0


@pytest.mark.parametrize(
    "fields",
    [
        b"",
        b"[]",
        b"{}",
        b'{"fact":"key-encryption-key"}',
        b'{"fact":"log-name","id":"a","kept":0}',
        b'{"fact":"log-name","id":"a","kept":0,"previous":{"origin":"b","root":"?","size":1}}',
    ],
)
def test_what_states_something_else_opens_no_name(names: Names, fields: bytes) -> None:
    assert Succession.read(fields) is None
    assert not names.follow(2, NEW, fields)


def test_a_name_is_opened_by_its_first_entry_in_the_place_that_it_states(names: Names) -> None:
    assert names.follow(2, NEW, stated(OPENED))
    assert names.follow(3, NEW, None)
    assert (names.last(), names.successions) == ((2, NEW), [OPENED])
    assert names.after(OLD) == OPENED
    assert names.after(NEW) is None
    # And there is no way back.
    assert not names.follow(4, OLD, None)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        (NEW, None),
        ("log.example/access-3", stated(OPENED)),
        (NEW, stated(replace(OPENED, kept=1))),
        (NEW, stated(replace(OPENED, origin=OLD))),
    ],
    ids=["unsaid", "another name", "another place", "the old name"],
)
def test_no_other_entry_opens_it(names: Names, name: str, fields: bytes | None) -> None:
    assert not names.follow(2, name, fields)
    assert names.last() == (0, OLD)
