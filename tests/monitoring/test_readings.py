"""What the database says to operators, read from rows as they stand."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, insert

from app.access_log import witnesses
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.checkpoints import CHECKPOINT
from app.access_log.cosignature import Witness
from app.access_log.ledger import LOOKUP, PENDING
from app.access_log.witnesses import Heard, NamedWitness, Standing, Witnesses
from app.monitoring.readings import READINGS, Reader
from tests.keys import RING
from tests.world import START

NOBODY = Witnesses((), 1)
OMBUDSMAN = Witness.from_vkey(
    "ombudsman.example/witness+28e64825+BDrT0xyX/m0ufmr+yvAkqpcpXHcCWTdbPed6uqeOKZol"
)
AGREED = Witnesses((NamedWitness(OMBUDSMAN, "https://witness.example"),), 1)


def readings(connection: Connection, agreed: Witnesses = NOBODY) -> dict[str, float]:
    """By name, with the values of labels behind it."""
    reader = Reader(witnesses=agreed, clock=lambda: START, legal_date=lambda at: at.date())
    return {" ".join((name, *labels)): value for name, labels, value in reader.read(connection)}


def entry(number: int, *, seconds_ago: int) -> dict[str, object]:
    return {
        "entry_id": f"entry-{number}",
        "leaf_hash": bytes([number]) * 32,
        "recorded_at": START - timedelta(seconds=seconds_ago),
        "operation": "alert",
        "channel": "audit",
        "outcome": "recorded",
    }


def sign(connection: Connection, size: int, *, seconds_ago: int) -> None:
    checkpoint = Checkpoint("log.example", size, b"0" * 32)
    row = {
        "size": size,
        "origin": checkpoint.origin,
        "root": checkpoint.root,
        "note": sign_checkpoint(checkpoint, RING.log_signing),
        "signed_at": START - timedelta(seconds=seconds_ago),
    }
    connection.execute(insert(CHECKPOINT), row)


def test_where_nothing_has_happened_every_reading_is_nothing(connection: Connection) -> None:
    found = readings(connection)
    assert {name.split()[0] for name in found} <= set(READINGS)
    assert set(found.values()) == {0}


def test_entries_without_index_and_without_signature_are_told_by_the_oldest(
    connection: Connection,
) -> None:
    connection.execute(insert(LOOKUP), {"log_index": 0, **entry(1, seconds_ago=95)})
    rows = [entry(2, seconds_ago=90), entry(3, seconds_ago=5)]
    connection.execute(insert(PENDING), rows)
    found = readings(connection)
    assert found["throughcare_log_pending_entries"] == 2
    assert found["throughcare_log_pending_seconds"] == 90
    assert found["throughcare_log_unsigned_seconds"] == 95
    assert found["throughcare_alerts_raised"] == 1
    sign(connection, 1, seconds_ago=80)
    found = readings(connection)
    assert found["throughcare_log_unsigned_seconds"] == 90
    assert found["throughcare_checkpoint_age_seconds"] == 80


def test_what_another_clock_dates_ahead_is_no_age_below_nothing(connection: Connection) -> None:
    sign(connection, 1, seconds_ago=-30)
    assert readings(connection)["throughcare_checkpoint_age_seconds"] == 0


@pytest.mark.parametrize("standing", [Standing.COSIGNED, Standing.REFUSED])
def test_witnesses_are_counted_and_the_one_furthest_behind_is_told(
    connection: Connection, standing: Standing
) -> None:
    sign(connection, 5, seconds_ago=120)
    found = readings(connection, AGREED)
    assert found["throughcare_witnesses unasked"] == 1
    assert found["throughcare_witness_lag_entries"] == 5
    before = witnesses.QuorumState(
        witnesses.NOTHING, missing=False, since=START - timedelta(days=1)
    )
    witnesses.keep_quorum(connection, before)
    witnesses.note_heard(connection, Heard(OMBUDSMAN, standing, 3), at=START)
    found = readings(connection, AGREED)
    assert found[f"throughcare_witnesses {standing.value}"] == 1
    assert found["throughcare_witness_lag_entries"] == 2
    assert found["throughcare_witness_quorum_missing"] == 1
