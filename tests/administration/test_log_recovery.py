"""A log under a new name: what is here stays, for queries, proofs and erasure."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial

import pytest
from sqlalchemy import Connection, create_engine

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.checkpoints import LogRenamed, SignedCheckpoint
from app.access_log.erasure import ERASED_ENTRIES, erase_subject
from app.access_log.export import export
from app.access_log.findings import Finding, Promises, Report
from app.access_log.ledger import AppendedEntry
from app.access_log.merkle import leaf_hash
from app.access_log.note import Verifier
from app.access_log.proof import verify_proof
from app.access_log.published import proof_of
from app.access_log.query import EntryFilter, entries
from app.access_log.receipt import Receipt, sign_receipt
from app.access_log.succession import Reason
from app.access_log.verifier import verify_export
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.vouching import Evidence
from app.administration import log_recovery
from app.administration.log_recovery import Diagnosis
from app.administration.registry import OPERATOR
from app.database import Database
from app.engines import PROGRAM
from app.house import Act, House, record
from app.outbox import subscriptions
from app.problems import Conflict
from tests.administration.parties import plain_house
from tests.outbox.conftest import Office

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
NEW, NEWER = "exchange.example/log-2", "exchange.example/log-3"


@pytest.fixture(scope="module")
def house() -> House:
    return plain_house()


@pytest.fixture
def kept(database: Database, house: House) -> list[AppendedEntry]:
    """Three entries about one person: two are signed, the last one waits (PostgreSQL)."""
    made = [database.run_blocking(partial(read, house=house)) for _ in range(2)]
    database.run_blocking(ledger.integrate)
    database.run_blocking(
        lambda c: checkpoints.publish(c, key=house.ring.log_signing, origin=house.log_origin, at=AT)
    )
    return [*made, database.run_blocking(partial(read, house=house))]


def read(connection: Connection, house: House) -> AppendedEntry:
    act = Act(
        operation=Operation.DISCLOSURE,
        channel=Channel.READ,
        outcome=Outcome.RELEASED,
        person_id="person-1",
        fields={"released": []},
    )
    return record(connection, house, OPERATOR, act, at=AT)


def lost(house: House, size: int) -> Diagnosis:
    """The last checkpoint of a log of this size, which is not here any more."""
    checkpoint = Checkpoint(house.log_origin, size, bytes(32))
    note = sign_checkpoint(checkpoint, house.ring.log_signing)
    return Diagnosis(last=SignedCheckpoint(checkpoint, note), reasons=(Reason.RESTORED,))


def go_on(database: Database, house: House, size: int, origin: str) -> House:
    """The house after a recovery."""
    renamed = replace(house, log_origin=origin)
    diagnosis = lost(house, size)
    database.run_blocking(lambda c: log_recovery.recover(c, renamed, diagnosis, at=AT))
    return renamed


def verified(
    database: Database,
    house: House,
    *saved: str,
    names: tuple[str, ...],
    receipts: Sequence[str] = (),
) -> Report:
    """The whole log, held to its newest checkpoint and to these."""

    def lines(connection: Connection) -> list[bytes]:
        signed = checkpoints.latest(connection)
        assert signed is not None
        return list(export(connection, signed, keys=house.log_keys()))

    verifiers = [Verifier.of(name, house.ring.log_signing) for name in names]
    evidence = Evidence(verifiers=verifiers, saved_checkpoints=saved, receipts=receipts)
    return verify_export(database.read_blocking(lines), evidence)


def test_what_is_here_is_found_proved_and_erased_under_the_new_name_as_before(
    database: Database, house: House, kept: list[AppendedEntry]
) -> None:
    renamed = go_on(database, house, 10, NEW)
    log = Verifier.of(NEW, house.ring.log_signing)
    found = database.read_blocking(
        lambda c: entries(
            c,
            EntryFilter(operation=Operation.DISCLOSURE),
            keys=house.log_keys(),
            limit=9,
            tree_size=9,
        )
    )
    assert [one.id for one in found] == [one.id for one in kept]
    signed = database.read_blocking(checkpoints.latest)
    assert signed is not None
    for entry in kept:
        # Its receipt was given under the old name; the new checkpoint covers it.
        proof = database.read_blocking(partial(proof_of, entry_id=entry.id, signed=signed))
        assert proof is not None
        assert verify_proof(proof, leaf_hash(entry.leaf), [log]).size == 4
    subject = house.log_keys().subject_index("person-1")
    erased = database.run_blocking(lambda c: erase_subject(c, subject))
    assert len(erased.entries) == 3
    act = Act(
        operation=Operation.ERASURE,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={ERASED_ENTRIES: list(erased.entries)},
    )
    database.run_blocking(lambda c: record(c, renamed, OPERATOR, act, at=AT))
    database.run_blocking(ledger.integrate)
    database.run_blocking(
        lambda c: checkpoints.publish(c, key=renamed.ring.log_signing, origin=NEW, at=AT)
    )
    report = verified(database, renamed, names=(NEW, house.log_origin))
    assert (report.finding, report.size, report.erased) == (None, 5, 3)


def test_receipts_of_the_old_name_are_kept_or_lost_with_the_database(
    database: Database, house: House, kept: list[AppendedEntry]
) -> None:
    def promised(leaf: bytes, origin: str) -> str:
        receipt = Receipt(
            origin=origin,
            entry_id=bytes(16).hex(),
            leaf_hash=leaf,
            body_sha256=bytes(32),
            expected_by=AT,
        )
        return sign_receipt(receipt, house.ring.log_signing)

    names = (NEW, house.log_origin)
    renamed = go_on(database, house, 10, NEW)
    receipts = [promised(leaf_hash(one.leaf), house.log_origin) for one in kept]
    gone = promised(bytes(32), house.log_origin)
    report = verified(database, renamed, names=names, receipts=[*receipts, gone])
    assert (report.finding, report.promises) == (None, Promises(kept=3, lost=1))
    # What the new name promised is no loss of the old one's.
    broken = promised(bytes(32), NEW)
    report = verified(database, renamed, names=names, receipts=[broken])
    assert report.finding is Finding.BROKEN_PROMISE
    other = promised(bytes(32), "exchange.example/other")
    known = (*names, "exchange.example/other")
    report = verified(database, renamed, names=known, receipts=[other])
    assert report.finding is Finding.RECEIPT_REFUSED


def test_a_log_may_go_on_under_a_new_name_more_than_once(
    database: Database, house: House, kept: list[AppendedEntry]
) -> None:
    first = lost(house, 10).last.note
    renamed = go_on(database, house, 10, NEW)
    database.run_blocking(partial(read, house=renamed))
    second = lost(renamed, 20).last.note
    again = go_on(database, renamed, 20, NEWER)
    names = (house.log_origin, NEW, NEWER)
    report = verified(database, again, first, second, names=names)
    assert report.finding is None
    assert [(one.kept, one.lost) for one in report.successions] == [(len(kept), 7), (5, 15)]
    # A name that was used once is not new.
    for origin in names:
        with pytest.raises(Conflict, match="another name"):
            database.read_blocking(partial(log_recovery.check_new, origin=origin, note=None))


def test_the_old_name_is_refused_afterwards_whatever_file_is_there(
    database: Database,
    house: House,
    kept: list[AppendedEntry],
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    file = tmp_path_factory.mktemp("old") / "checkpoint"
    signed = database.read_blocking(checkpoints.latest)
    assert signed is not None
    checkpoints.write_checkpoint_file(file, signed.note)
    check: Callable[[Connection], None] = partial(
        checkpoints.check_at_start,
        path=file,
        verifiers=[Verifier.of(house.log_origin, house.ring.log_signing)],
        origin=house.log_origin,
    )
    database.read_blocking(check)
    go_on(database, house, len(kept) + 1, NEW)
    with pytest.raises(LogRenamed, match=NEW):
        database.read_blocking(check)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_while_another_process_is_at_work_no_log_is_renamed(
    database: Database, database_url: str, house: House, kept: list[AppendedEntry]
) -> None:
    other = create_engine(
        database_url, connect_args={"application_name": f"{PROGRAM}1 elsewhere.example"}
    )
    with other.connect(), pytest.raises(Conflict, match="stop it first"):
        go_on(database, house, 10, NEW)
    other.dispose()
    assert database.read_blocking(ledger.read_head).size == len(kept) - 1


def test_numbers_of_notices_leap_where_the_database_may_be_an_older_copy(
    database: Database, house: House, kept: list[AppendedEntry]
) -> None:
    assert kept
    database.run_blocking(lambda c: Office(c).subscriber("probation", "probation_service"))
    for reasons, leaps in (
        ((Reason.KEY_REPLACED,), 0),
        ((Reason.RESTORED,), 1),
        ((Reason.NO_CHECKPOINT, Reason.KEY_REPLACED), 2),
    ):
        renamed = replace(house, log_origin=f"exchange.example/{reasons[0]}")
        diagnosis = replace(lost(house, 10), reasons=reasons)
        database.run_blocking(
            partial(log_recovery.recover, house=renamed, diagnosis=diagnosis, at=AT)
        )
        number = database.run_blocking(
            lambda c: subscriptions.next_sequence(c, "probation-endpoint")
        )
        assert number // subscriptions.LEAP == leaps
