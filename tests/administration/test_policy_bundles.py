"""Who can put a bundle in force: two officers, and nobody by writing to the database."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, delete, insert, update

from app.access_log.ledger import ENTRY
from app.activation import register
from app.activation.candidate import Candidate
from app.activation.evidence import Evidence, NotBorneOut
from app.activation.officers import OFFICER
from app.activation.register import ACTIVATION, APPROVAL, BUNDLE, Standing
from app.activation.statement import ApprovalRefused, Kind, Statement
from app.administration import policy_bundles
from app.administration.policy_officers import end_policy_officer, register_policy_officer
from app.administration.policy_status import policy_status
from app.crypto.key_ring import KeyRing
from app.crypto.signing_keys import SigningKey
from app.database import Database
from app.house import House
from app.policy.actions import of_the_catalogue
from app.policy.archive import Archive
from app.policy.bundle import Bundle, make_bundle
from app.policy.changes import AuthorityChange, Changes
from app.policy.errors import PolicyError
from app.problems import Conflict, InvalidInput, NotFound, ThroughcareError
from app.releases.profile import Profile
from tests.policy.random_policies import register as random_register
from tests.policy.unchecked import authority as planted_authority
from tests.world import POLICIES

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)
KEYS = {name: SigningKey.generate() for name in ("first", "second", "third")}


def archive(text: str) -> Archive:
    """Files that differ in one text: nothing loads them here."""
    return Archive.of({"base/police_local.cedar": text}, "xk")


FIRST, SECOND, THIRD = archive("first"), archive("second"), archive("third")
AUTHORITY = planted_authority(article=1, purpose="welfare_check")


def empty_bundle(digest: str) -> Bundle:
    return make_bundle((), random_register(), of_the_catalogue(), digest=digest)


def candidate(after: Standing, new: Archive, *found: AuthorityChange) -> Candidate:
    """What a comparison would hand over, with these findings."""
    old, bundle = empty_bundle(after.digest), empty_bundle(new.digest)
    return Candidate(after, new, Changes(old, bundle, (), found, (), ()))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    ring = KeyRing.create(tmp_path_factory.mktemp("ring") / "keys", random=secrets.token_bytes)
    profile = Profile.from_toml((Path(POLICIES) / "xk" / "profile.toml").read_text("utf-8"))
    return House(
        bundle=empty_bundle(FIRST.digest),
        activation=1,
        ring=ring,
        profile=profile,
        issuer="https://exchange.example",
        log_origin="exchange.example/log",
        random=secrets.token_bytes,
    )


@dataclass
class Desk:
    """An installation with a first bundle and officers, and the steps of putting another up."""

    database: Database = field(repr=False)
    house: House = field(repr=False)
    at: datetime = AT

    def do(self, door: Callable[..., Any], *arguments: Any, **named: Any) -> Any:  # noqa: ANN401 - whatever a door takes
        return self.database.run_blocking(
            lambda c: door(c, self.house, *arguments, at=self.at, **named)
        )

    def sql(self, statement: Any) -> None:  # noqa: ANN401 - a statement of SQLAlchemy
        """What somebody does who can write to the database."""
        self.database.run_blocking(lambda c: c.execute(statement).close())

    def standing(self) -> Standing:
        standing = self.database.read_blocking(register.latest)
        assert standing is not None
        return standing

    def approve(self, made: Candidate, name: str, **changed: object) -> None:
        """As an officer, with own key; `changed` are members of the statement."""
        said = made.statement(Kind.ACTIVATION, effective_from=None, at=self.at)
        token = replace(said, **changed).signed(KEYS[name])  # type: ignore[arg-type]  # tests plant
        self.do(policy_bundles.approve, made, name, token)

    def in_force(self) -> str:
        """The digest of the bundle that a service would load now."""

        def verified(connection: Connection) -> str:
            evidence = Evidence(connection, self.house.log_keys())
            return register.verify(connection, evidence).archive.digest

        return self.database.read_blocking(verified)


@pytest.fixture
def desk(database: Database, house: House) -> Desk:
    desk = Desk(database, house)
    desk.do(policy_bundles.put_first_in_force, FIRST)
    for name in ("first", "second"):
        desk.do(register_policy_officer, name, KEYS[name].public_jwk())
    return desk


@pytest.fixture
def approved(desk: Desk) -> Candidate:
    """A bundle that both officers have signed for."""
    made = candidate(desk.standing(), SECOND)
    for name in ("first", "second"):
        desk.approve(made, name)
    return made


# -- the way it goes ------------------------------------------------------------------------------


def test_the_first_bundle_is_in_force_and_only_once(desk: Desk) -> None:
    assert desk.in_force() == FIRST.digest
    with pytest.raises(Conflict):
        desk.do(policy_bundles.put_first_in_force, SECOND)


def test_two_officers_put_a_bundle_in_force(desk: Desk, approved: Candidate) -> None:
    desk.at += timedelta(hours=1)
    assert desk.do(policy_bundles.activate, approved) == 2
    assert desk.in_force() == SECOND.digest
    # What was compared with the first bundle does not follow the second.
    with pytest.raises(Conflict):
        desk.do(policy_bundles.activate, approved)


def test_what_two_signed_counts_once(desk: Desk, approved: Candidate) -> None:
    desk.do(policy_bundles.activate, approved)
    back = candidate(desk.standing(), FIRST)
    for name in ("first", "second"):
        desk.approve(back, name)
    desk.do(policy_bundles.activate, back)
    again = candidate(desk.standing(), SECOND)
    assert again.after.digest == approved.after.digest
    with pytest.raises(ApprovalRefused, match="0 did"):
        desk.do(policy_bundles.activate, again)
    assert desk.in_force() == FIRST.digest


def test_approval_digest_and_report_are_entries_of_the_log(desk: Desk, approved: Candidate) -> None:
    desk.do(policy_bundles.activate, approved)

    def said(connection: Connection) -> None:
        (row,) = connection.execute(ACTIVATION.select().where(ACTIVATION.c.sequence == 2))
        evidence = Evidence(connection, desk.house.log_keys())
        assert (row.digest, row.predecessor) == (SECOND.digest, FIRST.digest)
        assert row.report == approved.report_digest
        evidence.require(row.entry_id, register.fact(row), what="the activation")
        for approval in connection.execute(APPROVAL.select()).all():
            key = KEYS[approval.officer_id].verifying_key
            statement = Statement.verified(approval.statement, key)
            fact = {
                "fact": "policy-approval",
                "officer": approval.officer_id,
                "statement": statement.to_json(),
                "signature": approval.statement,
            }
            evidence.require(approval.entry_id, fact, what="the approval")
            with pytest.raises(NotBorneOut):
                evidence.require(approval.entry_id, {**fact, "officer": "x"}, what="another")

    desk.database.read_blocking(said)


# -- signatures that do not count -----------------------------------------------------------------


def test_one_signature_is_not_enough(desk: Desk) -> None:
    made = candidate(desk.standing(), SECOND)
    desk.approve(made, "first")
    with pytest.raises(Conflict, match="signed for this bundle already"):
        desk.approve(made, "first")
    with pytest.raises(ApprovalRefused, match="2 different policy officers must sign, 1 did"):
        desk.do(policy_bundles.activate, made)
    assert desk.in_force() == FIRST.digest


def test_an_officer_who_has_ended_does_not_count(desk: Desk, approved: Candidate) -> None:
    desk.at += timedelta(hours=1)
    desk.do(end_policy_officer, "second")
    with pytest.raises(ApprovalRefused, match="second is no policy officer any more"):
        desk.do(policy_bundles.activate, approved)
    with pytest.raises(NotFound):
        desk.do(end_policy_officer, "second")


def test_what_took_effect_stands_when_its_officer_ends_later(
    desk: Desk, approved: Candidate
) -> None:
    desk.do(policy_bundles.activate, approved)
    desk.at += timedelta(hours=1)
    desk.do(end_policy_officer, "second")
    assert desk.in_force() == SECOND.digest


@pytest.mark.parametrize(
    "changed",
    [
        {"report": "0" * 64},
        {"old": THIRD.digest},
        {"new": THIRD.digest},
        {"after": 7},
        {"country": "mk"},
        {"gains": 1},
        {"kind": Kind.EMERGENCY_REVOCATION.value},
    ],
    ids="-".join,
)
def test_a_signature_for_something_else_is_refused(desk: Desk, changed: dict[str, object]) -> None:
    made = candidate(desk.standing(), SECOND)
    with pytest.raises(ApprovalRefused, match="another bundle or another report"):
        desk.approve(made, "first", **changed)


def test_a_signature_of_another_key_is_refused(desk: Desk) -> None:
    made = candidate(desk.standing(), SECOND)
    said = made.statement(Kind.ACTIVATION, effective_from=None, at=AT)
    for token in (said.signed(KEYS["second"]), "no.jws.atall", "nonsense"):
        with pytest.raises(ApprovalRefused, match="not the officer's"):
            desk.do(policy_bundles.approve, made, "first", token)
    with pytest.raises(NotFound):
        desk.do(policy_bundles.approve, made, "nobody", said.signed(KEYS["first"]))


def test_a_key_is_that_of_one_officer(desk: Desk) -> None:
    with pytest.raises(Conflict):
        desk.do(register_policy_officer, "third", KEYS["first"].public_jwk())
    with pytest.raises(Conflict):
        desk.do(register_policy_officer, "first", KEYS["third"].public_jwk())
    for jwk in ({}, {"kty": "oct", "k": "AAAA"}, SigningKey.generate("P-384").public_jwk()):
        with pytest.raises(InvalidInput):
            desk.do(register_policy_officer, "third", jwk)


# -- emergencies ----------------------------------------------------------------------------------


def revoke(desk: Desk, made: Candidate, name: str) -> int:
    token = made.statement(Kind.EMERGENCY_REVOCATION, effective_from=None, at=desk.at).signed(
        KEYS[name]
    )
    return int(desk.do(policy_bundles.revoke, made, name, token))


def test_an_emergency_may_only_narrow(desk: Desk) -> None:
    wider = candidate(desk.standing(), SECOND, AuthorityChange("gains", AUTHORITY))
    with pytest.raises(ApprovalRefused, match="may only narrow"):
        revoke(desk, wider, "first")
    assert desk.in_force() == FIRST.digest
    narrower = candidate(desk.standing(), SECOND, AuthorityChange("loses", AUTHORITY))
    assert revoke(desk, narrower, "first") == 2
    assert desk.in_force() == SECOND.digest


def test_an_emergency_waits_for_its_confirmation_by_a_second(desk: Desk) -> None:
    made = candidate(desk.standing(), SECOND)
    revoke(desk, made, "first")
    desk.at += policy_bundles.CONFIRMATION + timedelta(hours=1)

    def confirmation() -> object:
        return desk.do(policy_status)["in_force"]["confirmation"]

    due = AT + policy_bundles.CONFIRMATION
    assert confirmation() == {"due": f"{due:%Y-%m-%dT%H:%M:%S}.000000Z", "overdue": True}
    kind = Kind.EMERGENCY_REVOCATION
    token = made.statement(kind, effective_from=None, at=desk.at).signed(KEYS["second"])
    desk.do(policy_bundles.confirm, made, "second", token)
    assert confirmation() is None
    assert desk.in_force() == SECOND.digest


# -- somebody who can write to the database -------------------------------------------------------


def change_a_file(_: Desk) -> Any:  # noqa: ANN401 - a statement of SQLAlchemy
    return update(BUNDLE).where(BUNDLE.c.digest == SECOND.digest).values(files=THIRD.to_bytes())


def put_nonsense(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(BUNDLE).values(files=b"\xff")


def lead_out_of_the_folder(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(BUNDLE).values(files=b'{"../../etc/cron.d/x.toml":"x"}')


def change_the_digest(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(ACTIVATION).where(ACTIVATION.c.sequence == 2).values(digest=FIRST.digest)


def change_the_kind(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(ACTIVATION).where(ACTIVATION.c.sequence == 2).values(kind="emergency_revocation")


def change_the_report(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(ACTIVATION).where(ACTIVATION.c.sequence == 2).values(report="0" * 64)


def begin_later(_: Desk) -> Any:  # noqa: ANN401 - the same
    return delete(ACTIVATION).where(ACTIVATION.c.sequence == 1)


def activate_by_hand(desk: Desk) -> Any:  # noqa: ANN401 - the same
    register_by_hand = partial(register.store, archive=THIRD, at=AT)
    desk.database.run_blocking(register_by_hand)
    return insert(ACTIVATION).values(
        sequence=3,
        digest=THIRD.digest,
        predecessor=SECOND.digest,
        report="0" * 64,
        kind="activation",
        activated_at=AT,
        entry_id="0" * 32,
    )


def take_a_signature(_: Desk) -> Any:  # noqa: ANN401 - the same
    return delete(APPROVAL).where(APPROVAL.c.officer_id == "second")


def give_one_signature_two_names(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(APPROVAL).values(
        statement=APPROVAL.select()
        .with_only_columns(APPROVAL.c.statement)
        .where(APPROVAL.c.officer_id == "first")
        .scalar_subquery()
    )


def give_an_officer_another_key(_: Desk) -> Any:  # noqa: ANN401 - the same
    key = KEYS["third"]
    return (
        update(OFFICER)
        .where(OFFICER.c.officer_id == "second")
        .values(jwk={**key.public_jwk(), "kid": key.kid}, thumbprint=key.kid)
    )


def end_an_officer_before(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(OFFICER).values(ended_at=AT - timedelta(days=1))


def destroy_the_entries(_: Desk) -> Any:  # noqa: ANN401 - the same
    return delete(ENTRY)


def swap_the_entries(_: Desk) -> Any:  # noqa: ANN401 - the same
    return update(ACTIVATION).values(
        entry_id=APPROVAL.select()
        .with_only_columns(APPROVAL.c.entry_id)
        .where(APPROVAL.c.officer_id == "first")
        .scalar_subquery()
    )


@pytest.mark.parametrize(
    "insider",
    [
        change_a_file,
        put_nonsense,
        lead_out_of_the_folder,
        change_the_digest,
        change_the_kind,
        change_the_report,
        begin_later,
        activate_by_hand,
        take_a_signature,
        give_one_signature_two_names,
        give_an_officer_another_key,
        end_an_officer_before,
        destroy_the_entries,
        swap_the_entries,
    ],
)
def test_whoever_only_writes_to_the_database_puts_nothing_in_force(
    desk: Desk, approved: Candidate, insider: Callable[[Desk], Any]
) -> None:
    desk.do(policy_bundles.activate, approved)
    assert desk.in_force() == SECOND.digest
    desk.sql(insider(desk))
    with pytest.raises((NotBorneOut, ApprovalRefused, PolicyError)):
        desk.in_force()


def test_an_own_officer_in_the_table_signs_for_nothing(desk: Desk) -> None:
    key = KEYS["third"]
    desk.sql(
        insert(OFFICER).values(
            officer_id="third",
            jwk={**key.public_jwk(), "kid": key.kid},
            thumbprint=key.kid,
            added_at=AT,
            added_entry="0" * 32,
        )
    )
    with pytest.raises(NotBorneOut, match="the access log does not say so"):
        desk.approve(candidate(desk.standing(), SECOND), "third")


def test_an_approval_that_was_spoilt_is_shown_as_such(desk: Desk, approved: Candidate) -> None:
    waiting = desk.do(policy_status)["open_approvals"]
    assert [(one["officer"], one["new"]) for one in waiting] == [
        ("first", SECOND.digest),
        ("second", SECOND.digest),
    ]
    desk.sql(update(APPROVAL).values(statement="nonsense"))
    (shown,) = desk.do(policy_status)["open_approvals"]
    assert "not the officer's" in shown["problem"]
    with pytest.raises(ThroughcareError):
        desk.do(policy_bundles.activate, approved)
