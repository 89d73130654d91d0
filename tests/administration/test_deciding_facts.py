"""Each deciding fact is stated, confirmed and ended by exactly those who may, and by nobody else.

Every role in every place towards the person tries every step. The tables below say by hand who
may; whoever is not in them is refused, on record, and changes nothing.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event, select, update

from app.administration import (
    consents,
    deciding_facts,
    designations,
    referral_codes,
    referrals,
)
from app.administration.consents import Statement as Consent
from app.administration.deciding_facts import Stated
from app.administration.fact_rules import RULES, TRANSFER_TEST, Statement
from app.agencies.tokens import Caller
from app.cases.assignments import ASSIGNMENT
from app.cases.consents import CONSENT
from app.cases.fact import FactAltered, Kind
from app.cases.facts import FACT
from app.disclosure.disclose import Disclosure, disclose
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.house import House, Refusal
from app.policy.roles import ROLE_PURPOSES, VITAL_FIELDS
from app.problems import Conflict, Forbidden, InvalidInput, NotFound
from tests.administration.parties import (
    CASE,
    KNOWN,
    STRANGER,
    Parties,
    Party,
    entries,
    gather,
    undone,
)
from tests.api.exchange import RELEASE, sections_of, without_convictions
from tests.world import World

DIGEST = "0" * 64
CHILD, RELATIVE = "child-1", "relative-1"
CONTACT = "custody.emergency_contact"
ALERT = "health.self_harm_alert"
CUSTODIAN = ("correctional_service", "custodian")
BENEFICIARY = {
    Kind.CHILD_LINK: "child_protection_authority",
    Kind.COURT_ORDER: "police_ct",
    Kind.VICTIM_REGISTRATION: "victim_support_service",
    Kind.TRANSFER_APPROVAL: "international_gateway",
    Kind.RELATIVE_CONSENT: "reintegration_unit",
    Kind.EMERGENCY_ACCESS: "probation_service",
}
KINDS = list(BENEFICIARY)
OTHER, SELF = "for another", "for itself"

# Who may state each fact, and in whose favour. Nobody else.
MAY_STATE = {
    Kind.CHILD_LINK: {
        (("child_protection_authority", CASE), OTHER),
        (("child_protection_authority", CASE), SELF),
    },
    Kind.COURT_ORDER: {
        (CUSTODIAN, OTHER),
        (CUSTODIAN, SELF),
        (("court_panel", CASE), OTHER),
        (("court_panel", CASE), SELF),
        (("court_panel", KNOWN), OTHER),
        (("court_panel", KNOWN), SELF),
    },
    Kind.VICTIM_REGISTRATION: {(("victim_support_service", CASE), SELF)},
    Kind.TRANSFER_APPROVAL: {(CUSTODIAN, OTHER)},
    Kind.RELATIVE_CONSENT: {(("social_welfare_centre", CASE), OTHER)},
    Kind.EMERGENCY_ACCESS: {
        (CUSTODIAN, OTHER),
        (("health_provider", CASE), SELF),
        (("health_provider", KNOWN), SELF),
    },
}
# Who states it in the tests of what comes after; by whom it is confirmed; who may end it.
STATED_BY = {
    Kind.CHILD_LINK: ("child_protection_authority", CASE),
    Kind.COURT_ORDER: CUSTODIAN,
    Kind.VICTIM_REGISTRATION: ("victim_support_service", CASE),
    Kind.TRANSFER_APPROVAL: CUSTODIAN,
    Kind.RELATIVE_CONSENT: ("social_welfare_centre", CASE),
    Kind.EMERGENCY_ACCESS: CUSTODIAN,
}
MAY_CONFIRM = {
    Kind.CHILD_LINK: {CUSTODIAN, ("court_panel", CASE), ("court_panel", KNOWN)},
    Kind.COURT_ORDER: {CUSTODIAN},
    Kind.VICTIM_REGISTRATION: set(),
    Kind.TRANSFER_APPROVAL: {CUSTODIAN},
    Kind.RELATIVE_CONSENT: set(),
    Kind.EMERGENCY_ACCESS: set(),
}
MAY_END = {
    Kind.CHILD_LINK: {CUSTODIAN, ("child_protection_authority", CASE)},
    Kind.COURT_ORDER: {CUSTODIAN, ("court_panel", CASE), ("court_panel", KNOWN)},
    Kind.VICTIM_REGISTRATION: {("victim_support_service", CASE)},
    Kind.TRANSFER_APPROVAL: {CUSTODIAN},
    Kind.RELATIVE_CONSENT: {CUSTODIAN, ("social_welfare_centre", CASE)},
    Kind.EMERGENCY_ACCESS: {CUSTODIAN},
}
AT_ONCE = {Kind.VICTIM_REGISTRATION, Kind.RELATIVE_CONSENT, Kind.EMERGENCY_ACCESS}


@pytest.fixture(scope="module")
def parties(world: World) -> Parties:
    sections = without_convictions(sections_of("correctional_service"))
    contact = sections["custody"]["emergency_contact"]["value"]
    contact |= {"category": "relative", "reference": RELATIVE}
    return gather(world, "P-1", sections)


def party(parties: Parties, label: tuple[str, str]) -> Party:
    return parties.custodian if label == CUSTODIAN else parties.others[label]


def beneficiary(parties: Parties, kind: Kind) -> Party:
    return parties.of(BENEFICIARY[kind])


def statement(kind: Kind, of: Party, agency: str, **changed: Any) -> Statement:  # noqa: ANN401 - any member
    """The fact as this party would state it, in favour of an agency."""
    expires_on = RELEASE + timedelta(days=30)
    said: Mapping[Kind, dict[str, Any]] = {
        Kind.CHILD_LINK: {"element": CHILD},
        Kind.COURT_ORDER: {
            "parts": ("identity", "risk_assessment"),
            "evidence_sha256": DIGEST,
            "expires_on": expires_on,
        },
        Kind.VICTIM_REGISTRATION: {},
        Kind.TRANSFER_APPROVAL: {
            "details": {"answers": dict.fromkeys(TRANSFER_TEST, True)},
            "evidence_sha256": DIGEST,
            "expires_on": expires_on,
        },
        Kind.RELATIVE_CONSENT: {
            "purpose": "reintegration_coordination",
            "parts": (CONTACT,),
            "element": RELATIVE,
            "evidence_sha256": DIGEST,
            "expires_on": expires_on,
        },
        Kind.EMERGENCY_ACCESS: {"parts": (ALERT,), "details": {"reason": "A reason."}},
    }
    values: dict[str, Any] = {"kind": kind, "reference": of.reference, "agency": agency}
    return Statement(**{**values, **said[kind], **changed})


def stating(
    parties: Parties,
    kind: Kind,
    by: Party,
    agency: str,
    **changed: Any,  # noqa: ANN401 - any member
) -> Callable[[Connection], Stated | Refusal]:
    caller: Caller = changed.pop("caller", by.caller)
    asked = statement(kind, by, agency, **changed)
    return lambda c: deciding_facts.state(c, parties.house, caller, asked, at=parties.now)


def stated(connection: Connection, parties: Parties, kind: Kind) -> Stated:
    """The fact, stated by whoever states it in these tests."""
    by = party(parties, STATED_BY[kind])
    done = stating(parties, kind, by, beneficiary(parties, kind).caller.agency_id)(connection)
    assert isinstance(done, Stated), done
    return done


def in_force(connection: Connection, parties: Parties, kind: Kind) -> Stated:
    """The fact, stated and where needed confirmed by a second officer."""
    done = stated(connection, parties, kind)
    if kind in AT_ONCE:
        assert done.status == "in-force"
        return done
    assert done.status == "proposed"
    second = parties.custodian.officer("officer-b")
    confirmed = deciding_facts.confirm(
        connection, parties.house, second, kind, done.fact_id, at=parties.now
    )
    assert isinstance(confirmed, Stated), confirmed
    assert confirmed.status == "in-force"
    return confirmed


def rows(connection: Connection) -> list[Any]:
    return sorted(map(tuple, connection.execute(select(FACT))), key=repr)


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_those_who_may_state_a_fact_can(parties: Parties, kind: Kind) -> None:
    favoured = beneficiary(parties, kind).caller

    def work(connection: Connection) -> None:
        for one in parties.everybody():
            for agency in {favoured.agency_id, one.caller.agency_id}:
                favour = SELF if agency == one.caller.agency_id else OTHER
                with undone(connection):
                    answer = try_to_state(connection, parties, kind, one, agency)
                    allowed = (one.label, favour) in MAY_STATE[kind]
                    assert isinstance(answer, Stated) is allowed, (one.label, favour, answer)

    parties.tried(work)


def try_to_state(
    connection: Connection, parties: Parties, kind: Kind, one: Party, agency: str
) -> Stated | Refusal:
    """What comes of it; a refusal is on record, changes nothing and tells strangers nothing."""
    before, stood = entries(connection), rows(connection)
    own = {"parts": ("identity.full_name",)}
    health = kind is Kind.EMERGENCY_ACCESS and one.caller.role == "health_provider"
    answer = stating(parties, kind, one, agency, **(own if health else {}))(connection)
    assert entries(connection) == before + 1
    if isinstance(answer, Refusal):
        assert rows(connection) == stood
        outside = one.place in (KNOWN, STRANGER)
        assert isinstance(answer.problem, NotFound if outside else (Forbidden, InvalidInput))
    return answer


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_those_who_may_confirm_a_fact_can(parties: Parties, kind: Kind) -> None:
    check_moving(parties, kind, deciding_facts.confirm, MAY_CONFIRM[kind], stated)


@pytest.mark.parametrize("kind", KINDS)
def test_exactly_those_who_may_end_a_fact_can(parties: Parties, kind: Kind) -> None:
    check_moving(parties, kind, deciding_facts.end, MAY_END[kind], in_force)


def test_an_emergency_is_reviewed_by_the_custodian_alone(parties: Parties) -> None:
    kind = Kind.EMERGENCY_ACCESS

    def review(
        connection: Connection,
        house: House,
        caller: Caller,
        _: Kind,
        fact_id: str,
        **at: Any,  # noqa: ANN401 - as the doors take them
    ) -> Refusal | None:
        return deciding_facts.review(connection, house, caller, fact_id, **at)

    check_moving(parties, kind, review, {CUSTODIAN}, in_force)


def is_unknown(refusal: Refusal) -> bool:
    """Whether it says no more than that there is no such fact."""
    problem = refusal.problem
    return (type(problem), problem.detail) == (NotFound, deciding_facts.UNKNOWN_FACT)


def check_moving(
    parties: Parties,
    kind: Kind,
    door: Callable[..., Stated | Refusal | None],
    allowed: set[tuple[str, str]],
    prepare: Callable[[Connection, Parties, Kind], Stated],
) -> None:
    def work(connection: Connection) -> None:
        fact = prepare(connection, parties, kind)
        before, stood = entries(connection), rows(connection)
        for one in parties.everybody():
            with undone(connection):
                caller = one.officer("officer-c")
                answer = door(connection, parties.house, caller, kind, fact.fact_id, at=parties.now)
                assert entries(connection) == before + 1
                assert isinstance(answer, Refusal) is (one.label not in allowed), one.label
                if isinstance(answer, Refusal):
                    assert rows(connection) == stood
                    # Only whoever stated it or keeps the file learns that there is such a fact.
                    knows = one.label in {STATED_BY[kind], CUSTODIAN}
                    assert knows or is_unknown(answer), one.label

    parties.tried(work)


def test_a_fact_that_is_none_and_one_of_another_kind_look_the_same(parties: Parties) -> None:
    prison = parties.custodian.caller

    def work(connection: Connection) -> None:
        order = in_force(connection, parties, Kind.COURT_ORDER)
        for door in (deciding_facts.confirm, deciding_facts.end):
            for kind, fact_id in ((Kind.COURT_ORDER, "0" * 32), (Kind.CHILD_LINK, order.fact_id)):
                answer = door(connection, parties.house, prison, kind, fact_id, at=parties.now)
                assert isinstance(answer, Refusal)
                assert is_unknown(answer)

    parties.tried(work)


@pytest.mark.parametrize("kind", [Kind.COURT_ORDER, Kind.TRANSFER_APPROVAL])
def test_nobody_confirms_what_they_stated_themselves(parties: Parties, kind: Kind) -> None:
    def work(connection: Connection) -> None:
        fact = stated(connection, parties, kind)
        author = parties.custodian.caller
        again = deciding_facts.confirm(
            connection, parties.house, author, kind, fact.fact_id, at=parties.now
        )
        assert isinstance(again, Refusal)
        assert isinstance(again.problem, Forbidden)

    parties.tried(work)


def test_the_author_of_an_emergency_does_not_review_it(parties: Parties) -> None:
    def work(connection: Connection) -> None:
        fact = in_force(connection, parties, Kind.EMERGENCY_ACCESS)
        caller, at = parties.custodian.caller, parties.now
        listed = deciding_facts.due_reviews(connection, parties.house, caller, at=at)
        assert not isinstance(listed, Refusal)
        assert [one.reason for one in listed if one.fact_id == fact.fact_id] == ["A reason."]
        own = deciding_facts.review(connection, parties.house, caller, fact.fact_id, at=at)
        assert isinstance(own, Refusal)
        second = parties.custodian.officer("officer-b")
        for expected in (type(None), Refusal):
            done = deciding_facts.review(connection, parties.house, second, fact.fact_id, at=at)
            assert isinstance(done, expected)
        listed = deciding_facts.due_reviews(connection, parties.house, caller, at=at)
        assert not isinstance(listed, Refusal)
        assert fact.fact_id not in {one.fact_id for one in listed}

    parties.tried(work)


def test_a_court_that_orders_in_its_own_favour_needs_the_custodian(parties: Parties) -> None:
    court = parties.of("court_panel")

    def work(connection: Connection) -> None:
        own = stating(parties, Kind.COURT_ORDER, court, court.caller.agency_id)(connection)
        assert isinstance(own, Stated)
        assert own.status == "proposed"
        another = beneficiary(parties, Kind.COURT_ORDER).caller.agency_id
        done = stating(parties, Kind.COURT_ORDER, court, another)(connection)
        assert isinstance(done, Stated)
        assert done.status == "in-force"

    parties.tried(work)


@pytest.mark.parametrize("question", TRANSFER_TEST)
@pytest.mark.parametrize("answer", [False, None])
def test_one_answer_that_is_missing_or_no_denies_a_transfer(
    parties: Parties,
    question: str,
    answer: bool | None,  # noqa: FBT001 - an answer
) -> None:
    answers = {**dict.fromkeys(TRANSFER_TEST, True), question: answer}
    details = {"answers": {name: said for name, said in answers.items() if said is not None}}

    def work(connection: Connection) -> None:
        gateway = parties.of("international_gateway").caller
        done = stating(
            parties, Kind.TRANSFER_APPROVAL, parties.custodian, gateway.agency_id, details=details
        )(connection)
        assert isinstance(done, Stated)
        assert done.status == "denied"
        second = parties.custodian.officer("officer-b")
        signed = deciding_facts.confirm(
            connection, parties.house, second, Kind.TRANSFER_APPROVAL, done.fact_id, at=parties.now
        )
        assert isinstance(signed, Refusal)
        assert isinstance(signed.problem, Conflict)
        assert not parties.seen_by(connection, gateway).recorded.request.transfer_approved

    parties.tried(work)


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_fact_stated_twice_is_one(parties: Parties, kind: Kind) -> None:
    def work(connection: Connection) -> None:
        first = in_force(connection, parties, kind)
        steps = entries(connection)
        by = party(parties, STATED_BY[kind])
        agency = beneficiary(parties, kind).caller.agency_id
        again = stating(parties, kind, by, agency, caller=by.officer("officer-z"))(connection)
        assert again == first
        assert entries(connection) == steps
        ended = deciding_facts.end(
            connection, parties.house, by.caller, kind, first.fact_id, at=parties.now
        )
        assert ended is None
        anew = stating(parties, kind, by, agency)(connection)
        assert isinstance(anew, Stated)
        assert anew.fact_id != first.fact_id

    parties.tried(work)


@pytest.mark.parametrize("kind", KINDS)
def test_where_proof_is_demanded_an_officer_named_by_a_client_states_nothing(
    parties: Parties, kind: Kind
) -> None:
    strict = replace(parties.house, require_proven_officers=True)
    by = party(parties, STATED_BY[kind])
    asked = statement(kind, by, beneficiary(parties, kind).caller.agency_id)

    def work(connection: Connection) -> None:
        caller = replace(by.caller, assurance="asserted")
        named = deciding_facts.state(connection, strict, caller, asked, at=parties.now)
        by_office = kind in {Kind.CHILD_LINK, Kind.VICTIM_REGISTRATION}
        assert isinstance(named, Stated) is by_office
        proven = replace(by.caller, assurance="proven")
        done = deciding_facts.state(connection, strict, proven, asked, at=parties.now)
        assert isinstance(done, Stated)

    parties.tried(work)


WRONG: list[tuple[Kind, dict[str, Any], str]] = [
    (Kind.COURT_ORDER, {"parts": ("identity", "nothing")}, "/parts/1"),
    (Kind.COURT_ORDER, {"expires_on": RELEASE - timedelta(days=300)}, "/expires_on"),
    (Kind.COURT_ORDER, {"expires_on": RELEASE + timedelta(days=900)}, "/expires_on"),
    (Kind.RELATIVE_CONSENT, {"parts": ("identity.full_name",)}, "/field"),
    (Kind.RELATIVE_CONSENT, {"purpose": "mentoring"}, "/purpose"),
    (Kind.RELATIVE_CONSENT, {"expires_on": RELEASE + timedelta(days=185)}, "/expires_on"),
    (Kind.EMERGENCY_ACCESS, {"parts": ("identity.full_name",)}, "/fields/0"),
    (Kind.EMERGENCY_ACCESS, {"parts": ("health.mental_health_diagnosis",)}, "/fields/0"),
]


@pytest.mark.parametrize(("kind", "changed", "pointer"), WRONG)
def test_what_does_not_fit_is_refused_by_its_place(
    parties: Parties, kind: Kind, changed: dict[str, Any], pointer: str
) -> None:
    by, agency = party(parties, STATED_BY[kind]), beneficiary(parties, kind).caller.agency_id
    answer = parties.tried(stating(parties, kind, by, agency, **changed))
    assert isinstance(answer, Refusal)
    assert [one.pointer for one in answer.problem.errors] == [pointer]


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_favours_agencies_of_its_roles_only(parties: Parties, kind: Kind) -> None:
    by = party(parties, STATED_BY[kind])
    for role in ROLE_PURPOSES:
        answer = parties.tried(
            stating(parties, kind, by, parties.of(role, STRANGER).caller.agency_id)
        )
        refused = isinstance(answer, Refusal)
        # Victim support speaks for itself alone, which another test holds.
        assert refused or role in RULES[kind].roles
        if refused and role in RULES[kind].roles - {"victim_support_service"}:
            # The purpose or the fields of these statements are another role's.
            assert kind in {Kind.RELATIVE_CONSENT, Kind.EMERGENCY_ACCESS}


# The facts that have doors of their own.


def try_to_consent(connection: Connection, parties: Parties, one: Party) -> object:
    to = parties.of("employment_service")
    asked = consent(one, to, "residence_contact.personal_phone")
    return consents.take(connection, parties.house, one.caller, asked, at=parties.now)


def try_to_refer(connection: Connection, parties: Parties, one: Party) -> object:
    return referrals.offer(
        connection,
        parties.house,
        one.caller,
        reference=one.reference,
        agency_id=parties.of("ngo_mentor", STRANGER).caller.agency_id,
        at=parties.now,
    )


def try_to_make_a_code(connection: Connection, parties: Parties, one: Party) -> object:
    return referral_codes.make(
        connection,
        parties.house,
        one.caller,
        reference=one.reference,
        purpose="mentoring",
        at=parties.now,
    )


def try_to_designate(connection: Connection, parties: Parties, one: Party) -> object:
    return designations.propose(
        connection,
        parties.house,
        one.caller,
        evidence_sha256=DIGEST,
        expires_on=RELEASE,
        at=parties.now,
    )


WELFARE = ("social_welfare_centre", CASE)
OTHER_DOORS: dict[Callable[..., object], set[tuple[str, str]]] = {
    try_to_consent: {CUSTODIAN, WELFARE},
    try_to_refer: {CUSTODIAN},
    try_to_make_a_code: {CUSTODIAN, WELFARE},
    try_to_designate: {
        (role, place)
        for role in (
            "police_local",
            "police_ct",
            "reintegration_unit",
            "social_welfare_centre",
            "child_protection_authority",
        )
        for place in (CASE, KNOWN, STRANGER)
    },
}


@pytest.mark.parametrize("door", OTHER_DOORS)
def test_exactly_those_who_may_open_a_door_of_its_own_can(
    parties: Parties, door: Callable[..., object]
) -> None:
    def work(connection: Connection) -> None:
        for one in parties.everybody():
            with undone(connection):
                before = entries(connection)
                answer = door(connection, parties, one)
                assert entries(connection) == before + 1
                refused = isinstance(answer, Refusal)
                assert refused is (one.label not in OTHER_DOORS[door]), (one.label, answer)

    parties.tried(work)


@pytest.mark.parametrize("door", [consents.withdraw, referrals.end, designations.withdraw])
def test_exactly_those_who_may_end_what_has_a_door_of_its_own_can(
    parties: Parties, door: Callable[..., object]
) -> None:
    holder = parties.of("reintegration_unit")

    def work(connection: Connection) -> None:
        fact_id, allowed = ended_by(connection, parties, holder)[door]
        before = entries(connection)
        for one in parties.everybody():
            with undone(connection):
                caller = one.officer("officer-c")
                answer = door(connection, parties.house, caller, fact_id, at=parties.now)
                assert entries(connection) == before + 1
                assert isinstance(answer, Refusal) is (one.label not in allowed), one.label
                if isinstance(answer, Refusal):
                    assert isinstance(answer.problem, NotFound)

    parties.tried(work)


def ended_by(
    connection: Connection, parties: Parties, holder: Party
) -> dict[Callable[..., object], tuple[str, set[tuple[str, str]]]]:
    """A consent, an assignment and a designation of this agency, and who may end each."""
    taken = try_to_consent(connection, parties, parties.custodian)
    proposed = try_to_designate(connection, parties, holder)
    assigned = connection.scalar(
        select(ASSIGNMENT.c.assignment_id).where(ASSIGNMENT.c.agency_id == holder.caller.agency_id)
    )
    assert isinstance(taken, str)
    assert isinstance(proposed, Stated)
    assert assigned is not None
    return {
        consents.withdraw: (taken, {CUSTODIAN, WELFARE}),
        referrals.end: (assigned, {CUSTODIAN, holder.label}),
        designations.withdraw: (proposed.fact_id, {holder.label}),
    }


# What a fact opens, and what ends it.


def released(connection: Connection, parties: Parties, caller: Caller) -> dict[str, Form]:
    """The fields that the policy gives a caller, and their forms."""
    decided = parties.seen_by(connection, caller).decision
    return {path: one.form for path, one in decided.released.items()}


OPENS = {
    Kind.CHILD_LINK: "identity.full_name",
    Kind.COURT_ORDER: "risk_assessment.risk_narrative",
    Kind.VICTIM_REGISTRATION: "release.planned_release_date",
    Kind.TRANSFER_APPROVAL: "identity.full_name",
    Kind.RELATIVE_CONSENT: CONTACT,
    Kind.EMERGENCY_ACCESS: ALERT,
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_fact_opens_its_cells_to_its_beneficiary_until_it_is_ended(
    parties: Parties, kind: Kind
) -> None:
    caller = beneficiary(parties, kind).caller

    def work(connection: Connection) -> None:
        before = released(connection, parties, caller)
        others = {
            one.label: released(connection, parties, one.caller)
            for one in parties.everybody()
            if one.caller != caller
        }
        fact = in_force(connection, parties, kind)
        opened = released(connection, parties, caller)
        assert OPENS[kind] in opened.keys() - before.keys()
        assert all(opened[path] >= form for path, form in before.items())
        for one in parties.everybody():
            if one.caller != caller:
                assert released(connection, parties, one.caller) == others[one.label]
        by = party(parties, STATED_BY[kind]).caller
        ended = deciding_facts.end(
            connection, parties.house, by, kind, fact.fact_id, at=parties.now
        )
        assert ended is None
        assert released(connection, parties, caller) == before

    parties.tried(work)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in AT_ONCE])
def test_what_is_only_proposed_opens_nothing(parties: Parties, kind: Kind) -> None:
    caller = beneficiary(parties, kind).caller

    def work(connection: Connection) -> None:
        before = released(connection, parties, caller)
        stated(connection, parties, kind)
        assert released(connection, parties, caller) == before

    parties.tried(work)


@pytest.mark.parametrize(
    ("kind", "lasts"),
    [
        (Kind.COURT_ORDER, timedelta(days=51)),
        (Kind.TRANSFER_APPROVAL, timedelta(days=51)),
        (Kind.RELATIVE_CONSENT, timedelta(days=51)),
        (Kind.EMERGENCY_ACCESS, timedelta(minutes=60)),
    ],
)
def test_a_fact_ends_by_itself(parties: Parties, kind: Kind, lasts: timedelta) -> None:
    caller, clock = beneficiary(parties, kind).caller, parties.world.clock
    start = clock.now

    def opened(connection: Connection) -> bool:
        return OPENS[kind] in released(connection, parties, caller)

    def work(connection: Connection) -> None:
        in_force(connection, parties, kind)
        day = timedelta(days=1) if kind is not Kind.EMERGENCY_ACCESS else timedelta(seconds=1)
        clock.now = start + lasts - day
        assert opened(connection)
        clock.now = start + lasts
        assert not opened(connection)
        # Its time is over, so it stands in nobody's way.
        anew = statement(kind, party(parties, STATED_BY[kind]), caller.agency_id)
        assert anew.kind is kind

    try:
        parties.tried(work)
    finally:
        clock.now = start


# Rows that somebody else has written.

ALTERED: dict[str, tuple[Any, dict[str, Any]]] = {
    "another agency": (FACT, {"agency_id": "{agency}"}),
    "another person": (FACT, {"person_id": "{person}"}),
    "other parts": (FACT, {"parts": ["identity", "extremism_status"]}),
    "another child": (FACT, {"element": "child-2"}),
    "in force": (FACT, {"status": "in-force"}),
    "for longer": (FACT, {"expires_at": None}),
    "no code": (FACT, {"authentication_code": None}),
    "an assignment in force": (ASSIGNMENT, {"status": "accepted"}),
    "an assignment without its code": (ASSIGNMENT, {"authentication_code": None}),
    "a consent for longer": (CONSENT, {"expires_on": RELEASE + timedelta(days=999)}),
    "a consent for more": (CONSENT, {"fields": sorted(FIELDS)}),
    "a consent again": (CONSENT, {"withdrawn_at": None}),
}


@pytest.mark.parametrize("name", ALTERED)
def test_a_row_that_was_altered_withholds_everything_and_is_on_record(
    parties: Parties, name: str
) -> None:
    table, values = ALTERED[name]
    reader = parties.of("reintegration_unit", KNOWN if "in force" in name else CASE)

    def work(connection: Connection) -> None:
        prepare_rows(connection, parties, reader)
        written = {
            column: value.format(agency=reader.caller.agency_id, person=parties.person_id)
            if isinstance(value, str)
            else value
            for column, value in values.items()
        }
        changed = connection.execute(
            update(table).where(_found(table, reader, name)).values(written)
        )
        assert changed.rowcount >= 1
        before = entries(connection)
        answer = disclose(
            connection, parties.house, reader.caller, reader.reference, at=parties.now
        )
        assert not isinstance(answer, Disclosure)
        assert isinstance(answer.problem, FactAltered)
        assert entries(connection) == before + 1

    parties.tried(work)


def _found(table: Any, reader: Party, name: str) -> Any:  # noqa: ANN401 - a table and a clause of it
    if table is CONSENT:
        return CONSENT.c.recipient_agency == reader.caller.agency_id
    if table is FACT and name == "another agency":
        return FACT.c.agency_id != reader.caller.agency_id
    if table is FACT and name == "another person":
        return FACT.c.person_id.is_(None)
    return table.c.agency_id == reader.caller.agency_id


def prepare_rows(connection: Connection, parties: Parties, reader: Party) -> None:
    """A fact of every table for the reader, an order for somebody else, and a designation."""
    house, at = parties.house, parties.now
    by = parties.custodian
    for agency in (reader, parties.of("police_ct")):
        done = stating(parties, Kind.COURT_ORDER, by, agency.caller.agency_id)(connection)
        assert isinstance(done, Stated)
    taken = consents.take(connection, house, by.caller, consent(by, reader), at=at)
    assert isinstance(taken, str)
    withdrawn = consents.withdraw(connection, house, by.caller, taken, at=at)
    assert withdrawn is None
    proposed = designations.propose(
        connection,
        house,
        reader.caller,
        evidence_sha256=DIGEST,
        expires_on=RELEASE,
        at=at,
    )
    assert isinstance(proposed, Stated)


def consent(by: Party, to: Party, *fields: str) -> Consent:
    return Consent(
        reference=by.reference,
        recipient_agency=to.caller.agency_id,
        purpose=to.caller.purpose,
        fields=fields or ("residence_contact.personal_phone",),
        text_version="2027-1",
        evidence_sha256=DIGEST,
        expires_on=RELEASE,
    )


# Over all facts at once.


def test_file_and_facts_are_loaded_in_two_queries(parties: Parties) -> None:
    caller = beneficiary(parties, Kind.CHILD_LINK).caller

    def work(connection: Connection) -> list[str]:
        for kind in KINDS:
            in_force(connection, parties, kind)
        said: list[str] = []

        def hear(_: object, __: object, text: str, *_rest: object) -> None:
            said.append(text)

        event.listen(connection, "before_cursor_execute", hear)
        parties.seen_by(connection, caller)
        event.remove(connection, "before_cursor_execute", hear)
        return said

    assert len(parties.tried(work)) == 2


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    chosen=st.sets(st.sampled_from(KINDS), min_size=1),
    ended=st.sampled_from(KINDS),
    reader=st.sampled_from(sorted(ROLE_PURPOSES)),
)
def test_ending_any_fact_never_adds_a_field(
    parties: Parties, chosen: set[Kind], ended: Kind, reader: str
) -> None:
    readers = [
        parties.of(reader).caller,
        *(parties.of(role).caller for role in BENEFICIARY.values()),
    ]

    def work(connection: Connection) -> None:
        made = {kind: in_force(connection, parties, kind) for kind in sorted(chosen | {ended})}
        before = [released(connection, parties, caller) for caller in readers]
        by = party(parties, STATED_BY[ended]).caller
        done = deciding_facts.end(
            connection, parties.house, by, ended, made[ended].fact_id, at=parties.now
        )
        assert done is None
        for caller, forms in zip(readers, before, strict=True):
            after = released(connection, parties, caller)
            assert after.keys() <= forms.keys()
            assert all(after[path] <= forms[path] for path in after)

    parties.tried(work)


def test_the_fields_of_an_emergency_are_those_of_the_roles() -> None:
    assert {path for path, roles in VITAL_FIELDS.items() if "probation_service" in roles} == {
        ALERT,
        CONTACT,
        "health.medication_continuity_need",
    }
