"""Emergency access from end to end: an hour, named fields, a proven officer, a review in time."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from sqlalchemy import Connection, select, update

from app.access_log.vocabulary import Outcome
from app.activation.loading import Terms, load
from app.administration import registry
from app.agencies.oauth import TOKEN_EXCHANGE
from app.agencies.registry import ProviderRecord
from app.cases import facts, references
from app.cases.fact import Fact, Kind, Status
from app.cases.facts import NewFact
from app.files.catalogue import FIELDS
from app.outbox import alarms
from app.outbox.competence import FILE
from app.outbox.deliveries import IMMEDIATE
from app.outbox.escalations import ESCALATION
from app.outbox.planning import close
from app.policy.archive import Archive
from app.policy.revocation import with_forbids
from app.policy.roles import VITAL_FIELDS
from tests.api.exchange import (
    Exchange,
    Speaker,
    is_problem,
    sections_of,
    without_convictions,
    without_date,
)
from tests.api.identity_provider import AUDIENCE, STRONG, IdentityProvider, identity_provider
from tests.api.oauth import asked, members, proof
from tests.notifications.agency import Agency, Notice
from tests.notifications.mailroom import Mailroom, mailroom, wait_until
from tests.notifications.play import Prison, Town
from tests.world import POLICIES, START

Providers = dict[str, IdentityProvider]

PATH = "/v1/emergency-access"
JWT = "urn:ietf:params:oauth:token-type:jwt"
ALERT, NAME = "health.self_harm_alert", "identity.full_name"
CONTACT = "custody.emergency_contact"
NARRATIVE = "Quokkamark was found on the floor and does not answer."
HEALTH_FIELDS = {path for path, roles in VITAL_FIELDS.items() if "health_provider" in roles}
SECTIONS = without_convictions(sections_of("correctional_service"))


@pytest.fixture(scope="module")
def provider() -> Iterator[Providers]:
    """Where officers sign in: for each agency a place of its own, once it has registered one."""
    with identity_provider() as first, identity_provider() as other:
        yield {"correctional_service": first, "health_provider": other}


@pytest.fixture(scope="module")
def prison(exchange: Exchange, provider: Providers) -> Speaker:
    return signing_in(exchange.agency("correctional_service"), provider)


@pytest.fixture(scope="module")
def health(exchange: Exchange, provider: Providers) -> Speaker:
    return signing_in(exchange.agency("health_provider"), provider)


@pytest.fixture(scope="module")
def second(exchange: Exchange, prison: Speaker) -> Speaker:
    """Another officer of the prison."""
    world, officer = exchange.world, f"{prison.id}-second"
    world.service.database.run_blocking(
        lambda c: registry.register_officer(
            c,
            world.service.house,
            agency_id=prison.id,
            officer_id=officer,
            function="officer",
            at=world.clock(),
        )
    )
    configuration = replace(world.agencies[prison.id].configuration, officer=officer)
    return replace(prison, client=world.client(configuration))


@pytest.fixture
def person(exchange: Exchange, prison: Speaker) -> str:
    return exchange.person(prison, SECTIONS)


@pytest.fixture
def mine(exchange: Exchange, prison: Speaker, health: Speaker, person: str) -> str:
    """The health provider's reference for the person."""
    return exchange.refer(prison, person, health)


@pytest.fixture(autouse=True)
def reviewed(prison: Speaker, second: Speaker) -> Iterator[None]:
    """Whatever a test has left to be reviewed is reviewed in the end."""
    yield
    for one in due(prison):
        address = f"{PATH}/{one['fact_id']}/review"
        assert 204 in {who.post(address).status_code for who in (second, prison)}


def signing_in(agency: Speaker, provider: Providers) -> Speaker:
    """The agency, whose officers sign in at its provider."""
    own = provider[agency.role]
    record = ProviderRecord(
        issuer=own.issuer,
        agency_id=agency.id,
        audience=AUDIENCE,
        jwks_uri=own.jwks_uri,
        acr_values=(STRONG,),
        max_age=900,
    )
    service = agency.world.service
    agency.world.owner.run_blocking(
        lambda c: registry.register_provider(c, service.house, record, at=service.clock())
    )
    return agency


def in_person(agency: Speaker, provider: Providers, path: str, content: object) -> httpx.Response:
    """The answer to what an officer asks who has signed in at the agency's identity provider."""
    now = int(agency.world.clock().timestamp())
    form = members(agency, grant_type=TOKEN_EXCHANGE)
    more = {
        "subject_token": provider[agency.role].token(f"{agency.id}-officer", now),
        "subject_token_type": JWT,
    }
    token = asked(agency, urlencode({**form, **more})).json()["access_token"]
    headers = {"Authorization": f"DPoP {token}", **proof(agency, path, access_token=token)}
    address = f"{agency.world.settings.issuer}{path}"
    return agency.http.post(address, json=content, headers=headers)


def emergency(agency: Speaker, reference: str, *fields: str, **changed: object) -> dict[str, Any]:
    return {
        "reference": reference,
        "agency": agency.id,
        "fields": list(fields),
        "reason": "danger_to_life",
        "narrative": NARRATIVE,
        **changed,
    }


def opened(agency: Speaker, provider: Providers, asked_for: dict[str, Any]) -> str:
    """An emergency that stands; its address."""
    answer = in_person(agency, provider, PATH, asked_for)
    assert answer.status_code == 201, answer.text
    assert answer.json()["status"] == "in-force"
    return f"{PATH}/{answer.json()['fact_id']}"


def fields_of(agency: Speaker, reference: str) -> set[str]:
    """What the agency reads now."""
    answer = agency.get(reference)
    if answer.status_code == 404:
        return set()
    released = answer.json()["released"]
    return {f"{section}.{name}" for section, fields in released.items() for name in fields}


def due(agency: Speaker) -> list[dict[str, Any]]:
    """The reviews that are listed to it."""
    answer = agency.call("GET", PATH)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["reviews"]
    return found


def test_it_opens_the_named_fields_and_no_others_for_sixty_minutes(
    exchange: Exchange, health: Speaker, provider: Providers, mine: str
) -> None:
    clock = exchange.world.clock
    before = fields_of(health, mine)
    opened(health, provider, emergency(health, mine, ALERT))
    assert fields_of(health, mine) == before | {ALERT}
    clock.advance(seconds=59 * 60 + 59)
    assert fields_of(health, mine) == before | {ALERT}
    clock.advance(seconds=1)
    assert fields_of(health, mine) == before


def test_fewer_minutes_are_as_few_and_more_are_refused(
    exchange: Exchange, health: Speaker, provider: Providers, mine: str
) -> None:
    opened(health, provider, emergency(health, mine, NAME, minutes=5))
    assert NAME in fields_of(health, mine)
    exchange.world.clock.advance(minutes=5)
    assert NAME not in fields_of(health, mine)
    for minutes in (0, 61, 24 * 60):
        asked_for = emergency(health, mine, NAME, minutes=minutes)
        is_problem(in_person(health, provider, PATH, asked_for), 422, "invalid-input")


@pytest.mark.parametrize("lacking", ["reason", "narrative", "fields"])
def test_reason_narrative_and_fields_have_to_be_there(
    health: Speaker, provider: Providers, mine: str, lacking: str
) -> None:
    asked_for = emergency(health, mine, ALERT)
    empty: object = [] if lacking == "fields" else ""
    for bad in (
        {k: v for k, v in asked_for.items() if k != lacking},
        {**asked_for, lacking: empty},
    ):
        answer = in_person(health, provider, PATH, bad)
        is_problem(answer, 422, "invalid-input")
        assert "Quokkamark" not in answer.text
    short = {**asked_for, "narrative": "An accident."}
    is_problem(in_person(health, provider, PATH, short), 422, "invalid-input")


def test_an_officer_whom_only_the_client_names_opens_nothing_whatever_the_setting(
    exchange: Exchange, health: Speaker, mine: str
) -> None:
    assert not exchange.world.service.house.require_proven_officers
    before = fields_of(health, mine)
    is_problem(health.post(PATH, emergency(health, mine, ALERT)), 403, "forbidden")
    assert fields_of(health, mine) == before
    refused = exchange.entries(agency_id=health.id)[-2]
    assert refused.sections["fields"] == {"fact": "emergency-access", "reason": "forbidden"}
    # Whom it does not know of looks like nobody still.
    is_problem(health.post(PATH, emergency(health, "0" * 32, ALERT)), 404, "not-found")


def test_fields_that_no_emergency_opens_stay_shut(
    exchange: Exchange, health: Speaker, provider: Providers, mine: str
) -> None:
    never = sorted(FIELDS.keys() - HEALTH_FIELDS)
    for portion in (never[start : start + 8] for start in range(0, len(never), 8)):
        answer = in_person(health, provider, PATH, emergency(health, mine, *portion))
        is_problem(answer, 422, "invalid-input")
        pointers = [one["pointer"] for one in answer.json()["errors"]]
        assert pointers == [f"/fields/{place}" for place in range(len(portion))]
    # Nor would they open if such a fact stood in the database, with its code.
    before = fields_of(health, mine)
    exchange.world.service.database.run_blocking(lambda c: plant(c, exchange, health, mine))
    assert fields_of(health, mine) - before <= HEALTH_FIELDS
    assert ALERT in fields_of(health, mine)


def plant(connection: Connection, exchange: Exchange, health: Speaker, reference: str) -> None:
    """An emergency that names every field there is."""
    house, at = exchange.world.service.house, exchange.world.clock()
    person_id = references.find(
        connection, ring=house.ring, agency_id=health.id, reference=reference
    )
    fact = Fact(
        fact_id=house.new_id(),
        kind=Kind.EMERGENCY_ACCESS,
        person_id=person_id,
        agency_id=health.id,
        status=Status.IN_FORCE,
        parts=tuple(sorted(FIELDS)),
        by_agency=health.id,
        by_officer="planted",
    )
    facts.state(connection, NewFact(fact=fact), ring=house.ring, at=at, random=house.random)


def test_owner_and_auditor_see_it_at_once_and_the_operator_is_alarmed(
    exchange: Exchange,
    prison: Speaker,
    health: Speaker,
    provider: Providers,
    person: str,
    mine: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    auditor = exchange.some("oversight_auditor")
    with caplog.at_level(logging.WARNING, logger="throughcare.emergency"):
        address = opened(health, provider, emergency(health, mine, ALERT))
    fact_id = address.rpartition("/")[2]
    assert caplog.messages == [f"ALARM: emergency access {fact_id} was opened"]
    told = {one["fact_id"]: one for one in due(prison)}[fact_id]
    at = exchange.world.clock()
    assert told["reference"] == person
    assert (told["agency"], told["fields"]) == (health.id, [ALERT])
    assert (told["reason"], told["narrative"]) == ("danger_to_life", NARRATIVE)
    assert told["stated_by"] == f"{health.id}/{health.id}-officer"
    assert told["overdue"] is False
    hours = {"ends_at": 1, "due_at": 24}
    for name, after in hours.items():
        assert (datetime.fromisoformat(told[name]) - at).total_seconds() == after * 3600
    audited = {one["fact_id"]: one for one in due(auditor)}[fact_id]
    person_id = exchange.entries(agency_id=auditor.id)[-1].sections["subject"]["person"]
    assert audited == {**told, "reference": person_id}
    # The entry of the step, before anything was read under it.
    steps = [
        one.sections
        for one in exchange.entries(agency_id=health.id)
        if one.sections["fields"].get("id") == fact_id
    ]
    assert [one["fields"]["status"] for one in steps] == ["in-force"]
    assert steps[0]["actor"]["assurance"] == "proven"
    # Others see none of it.
    assert due(health) == []
    assert due(exchange.some("probation_service")) == []


def test_what_is_read_under_it_says_so_in_the_log(
    exchange: Exchange, prison: Speaker, health: Speaker, provider: Providers, mine: str
) -> None:
    health.get(mine)
    address = opened(health, provider, emergency(health, mine, ALERT))
    health.get(mine)
    before, _, under = exchange.entries(agency_id=health.id)[-3:]
    assert "emergency_override" not in before.sections["grounds"]
    assert under.sections["grounds"]["emergency_override"] == address.rpartition("/")[2]
    assert under.sections["grounds"]["emergency_approver"] == f"{health.id}/{health.id}-officer"
    # Of the narrative nothing is in the log, nor of the person's name.
    told = str([one.sections for one in exchange.entries()])
    assert "Quokkamark" not in told
    assert prison.post(f"{address}/end").status_code == 204


def test_the_owner_opens_it_for_an_agency_it_names_and_another_of_its_officers_reviews(
    exchange: Exchange,
    prison: Speaker,
    second: Speaker,
    provider: Providers,
    person: str,
) -> None:
    welfare = exchange.some("social_welfare_centre")
    mine = exchange.refer(prison, person, welfare)
    before = fields_of(welfare, mine)
    address = opened(prison, provider, {**emergency(welfare, person, CONTACT)})
    assert fields_of(welfare, mine) == before | {CONTACT}
    for officer, slug in ((prison, "forbidden"), (welfare, "not-found")):
        answer = officer.post(f"{address}/review")
        is_problem(answer, 403 if slug == "forbidden" else 404, slug)
    assert second.post(f"{address}/review").status_code == 204
    is_problem(second.post(f"{address}/review"), 409, "conflict")
    assert address.rpartition("/")[2] not in {one["fact_id"] for one in due(prison)}
    # It was looked at; it stands until its time is over all the same.
    assert CONTACT in fields_of(welfare, mine)


def test_an_agency_does_not_review_what_it_opened_for_itself(
    health: Speaker, prison: Speaker, provider: Providers, mine: str
) -> None:
    address = opened(health, provider, emergency(health, mine, ALERT))
    is_problem(health.post(f"{address}/review"), 403, "forbidden")
    assert prison.post(f"{address}/review").status_code == 204


def test_an_overdue_review_blocks_every_further_emergency_of_that_agency_until_it_is_done(
    exchange: Exchange,
    prison: Speaker,
    health: Speaker,
    provider: Providers,
    mine: str,
) -> None:
    clock = exchange.world.clock
    address = opened(health, provider, emergency(health, mine, ALERT))
    # Ended early it is to be reviewed all the same.
    assert health.post(f"{address}/end").status_code == 204
    clock.advance(hours=23, minutes=59, seconds=59)
    later = opened(health, provider, emergency(health, mine, NAME))
    clock.advance(seconds=1)
    other = exchange.refer(prison, exchange.person(prison, SECTIONS), health)
    for reference in (mine, other):
        refused = in_person(health, provider, PATH, emergency(health, reference, ALERT))
        is_problem(refused, 409, "review-overdue")
    entry = exchange.entries(agency_id=health.id)[-1]
    assert entry.sections["fields"] == {"fact": "emergency-access", "reason": "review-overdue"}
    overdue = {one["fact_id"]: one["overdue"] for one in due(prison)}
    first, last = (one.rpartition("/")[2] for one in (address, later))
    assert (overdue[first], overdue[last]) == (True, False)
    # Nobody learns by it whether somebody is known here, and no other agency is held up.
    unknown = in_person(health, provider, PATH, emergency(health, "0" * 32, ALERT))
    is_problem(unknown, 404, "not-found")
    assert "review" not in str(without_date(unknown))
    welfare = exchange.some("social_welfare_centre")
    person = exchange.person(prison, SECTIONS)
    exchange.refer(prison, person, welfare)
    by_owner = opened(prison, provider, emergency(welfare, person, CONTACT))
    assert prison.post(f"{by_owner}/end").status_code == 204
    assert prison.post(f"{address}/review").status_code == 204
    opened(health, provider, emergency(health, other, ALERT))


# What is told without being asked.

OPENED, OVERDUE = "emergency_access_opened", "emergency_review_overdue"
UNWATCHED = """@id("UNWATCHED") @agreement("OVERSIGHT") @legal_basis("OVERSIGHT-DUTY")
forbid (
  principal in Role::"oversight_auditor", action == Action::"read_access_log", resource
);
"""


@pytest.fixture(scope="module")
def post() -> Iterator[Mailroom]:
    with mailroom() as room:
        yield room


@pytest.fixture(scope="module")
def town(exchange: Exchange, post: Mailroom) -> Town:
    """A place whose agencies have endpoints; the service's own dispatcher is at work."""
    return Town(exchange.world, post, exchange.http)


@pytest.fixture(scope="module")
def jail(town: Town) -> Prison:
    """Another prison, which is told by push."""
    return Prison(town.subscribed("correctional_service", purpose="release_preparation"), town)


@pytest.fixture(scope="module")
def keeper(jail: Prison) -> Agency:
    return jail.agency


@pytest.fixture(scope="module")
def watcher(town: Town) -> Agency:
    """An auditor who is told by push."""
    return town.subscribed("oversight_auditor", competent=False)


@dataclass(frozen=True)
class Inmate:
    """Somebody whom the health provider has a case of, by three names."""

    person_id: str
    of_keeper: str
    of_health: str


@pytest.fixture
def inmate(jail: Prison, health: Speaker) -> Inmate:
    return inmate_of(jail, health)


def inmate_of(jail: Prison, health: Speaker) -> Inmate:
    town, keeper = jail.town, jail.agency
    reference = jail.admit()
    offer = {"reference": reference, "agency": health.id}
    made = keeper.call("POST", "/v1/case-assignments", offer).json()["assignment_id"]
    accepted = health.post(f"/v1/case-assignments/{made}/acceptance").json()
    return Inmate(town.person_id(keeper, reference), reference, accepted["reference"])


def review(keeper: Agency, address: str) -> None:
    assert keeper.call("POST", f"{address}/review").status_code == 204


def about(agency: Agency, address: str, event: str = OPENED) -> list[Notice]:
    """What came of this type about an emergency."""
    fact_id = address.rpartition("/")[2]
    found = [notice for notice in agency.notices() if notice.event_type == event]
    return [notice for notice in found if notice.event["emergency"]["id"] == fact_id]


def test_owner_and_auditor_are_told_at_once_who_opened_what_until_when(
    town: Town,
    keeper: Agency,
    watcher: Agency,
    health: Speaker,
    provider: Providers,
    inmate: Inmate,
) -> None:
    at = town.world.clock()
    address = opened(health, provider, emergency(health, inmate.of_health, ALERT, minutes=20))
    wait_until(lambda: about(keeper, address) and about(watcher, address))
    [of_keeper], [of_watcher] = about(keeper, address), about(watcher, address)
    # The owner by its own reference, the auditor by the id that the entries of the log show.
    assert (of_keeper.reference, of_watcher.reference) == (inmate.of_keeper, inmate.person_id)
    told = {
        "id": address.rpartition("/")[2],
        "agency": health.id,
        "fields": [ALERT],
        "stated_by": f"{health.id}/{health.id}-officer",
        "stated_at": at.isoformat(),
        "ends_at": (at + timedelta(minutes=20)).isoformat(),
        "review_due_at": (at + timedelta(hours=24)).isoformat(),
        "overdue": False,
    }
    for notice in (of_keeper, of_watcher):
        assert notice.event["emergency"] == told
        assert (notice.event["priority"], notice.event["acknowledgement_hours"]) == (
            "immediate",
            24,
        )
        # Nothing of the file, and not a word of why.
        text = str(notice.claims)
        assert not any(word in text for word in ("Wexample", "Quokkamark", "danger_to_life"))
    for agency, notice in ((keeper, of_keeper), (watcher, of_watcher)):
        entries = town.entries(agency, Outcome.ATTEMPTED)
        [intent] = [one for one in entries if one["payload"]["notification"] == notice.jti]
        assert intent["fields"] == {
            "released": [],
            "withheld": [],
            "event": OPENED,
            "id": told["id"],
        }
        assert agency.acknowledge(notice.jti).status_code == 204
    review(keeper, address)


def test_who_hosts_no_endpoint_polls_it(
    town: Town, keeper: Agency, health: Speaker, provider: Providers, inmate: Inmate
) -> None:
    auditor = town.join("oversight_auditor", name="polling", competent=False)
    auditor.subscribe_to_inbox()
    address = opened(health, provider, emergency(health, inmate.of_health, ALERT))
    [notice] = auditor.poll()
    assert (notice.event_type, notice.reference) == (OPENED, inmate.person_id)
    assert auditor.poll(notice.jti) == []
    review(keeper, address)


def test_the_same_emergency_stated_twice_is_told_once_and_a_refused_one_to_nobody(
    town: Town,
    keeper: Agency,
    watcher: Agency,
    health: Speaker,
    provider: Providers,
    inmate: Inmate,
) -> None:
    asked_for = emergency(health, inmate.of_health, ALERT)
    is_problem(health.post(PATH, asked_for), 403, "forbidden")
    address = opened(health, provider, asked_for)
    assert opened(health, provider, asked_for) == address
    for agency in (keeper, watcher):
        of_inmate = (one for one in town.deliveries(agency) if one.person_id == inmate.person_id)
        assert len([one for one in of_inmate if one.rank == IMMEDIATE]) == 1
    review(keeper, address)


def test_owner_and_auditor_are_told_again_when_nobody_has_reviewed_it_in_time(
    town: Town,
    jail: Prison,
    watcher: Agency,
    health: Speaker,
    provider: Providers,
    inmate: Inmate,
) -> None:
    keeper = jail.agency
    other = inmate_of(jail, health)
    late = opened(health, provider, emergency(health, inmate.of_health, ALERT))
    reviewed = opened(health, provider, emergency(health, other.of_health, ALERT))
    review(keeper, reviewed)
    # Somebody who has died is announced no more; what was done with the file is to be looked at.
    town.work(lambda c: close(c, inmate.person_id))
    town.world.clock.advance(hours=24)
    wait_until(lambda: about(keeper, late, OVERDUE) and about(watcher, late, OVERDUE))
    for agency in (keeper, watcher):
        [notice] = about(agency, late, OVERDUE)
        assert notice.event["emergency"]["overdue"] is True
        assert about(agency, reviewed, OVERDUE) == []
    # Whoever would be called because nobody answers need not be: it is done.
    steps = select(ESCALATION).where(
        ESCALATION.c.person_id == inmate.person_id, ESCALATION.c.settled_at.is_(None)
    )
    assert town.look(lambda c: c.execute(steps).all())
    review(keeper, late)
    assert not town.look(lambda c: c.execute(steps).all())


def test_an_owner_who_cannot_be_told_is_an_alarm_until_the_review(
    town: Town,
    exchange: Exchange,
    prison: Speaker,
    health: Speaker,
    provider: Providers,
    inmate: Inmate,
    keeper: Agency,
    watcher: Agency,
) -> None:
    assert watcher.subscription_id
    mine = exchange.refer(prison, exchange.person(prison, SECTIONS), health)

    known = len(unreached(town))
    # Owner and auditor have endpoints here, and the owner has none there.
    told = opened(health, provider, emergency(health, inmate.of_health, ALERT))
    assert len(unreached(town)) == known
    untold = [opened(health, provider, emergency(health, mine, field)) for field in (ALERT, NAME)]
    for address in untold:  # one alarm, until the last of them is reviewed
        assert unreached(town)[known:] == [OPENED]
        assert prison.post(f"{address}/review").status_code == 204
    assert len(unreached(town)) == known
    review(keeper, told)


def unreached(town: Town) -> list[str]:
    """The events of which an owner, or every auditor, was not told."""
    found = town.look(alarms.open_alarms)
    return [one.event_type for one in found if one.reason == "overseer-unreached"]


def test_whoever_may_no_longer_know_at_the_attempt_is_told_nothing(
    town: Town, keeper: Agency, health: Speaker, provider: Providers
) -> None:
    auditor = town.join("oversight_auditor", name="unwatched", competent=False)
    former = town.join("correctional_service", name="former", purpose="release_preparation")
    for agency in (auditor, former):
        agency.subscribe_to_inbox()
    inmate = inmate_of(Prison(former, town), health)
    former.poll(*(notice.jti for notice in former.poll()))
    address = opened(health, provider, emergency(health, inmate.of_health, ALERT))
    give_to(town, inmate, keeper)
    in_force = town.world.service.in_force
    bundle = load(
        with_forbids(Archive.read(POLICIES, "xk"), UNWATCHED),
        Terms(at=START.date(), allow_illustrative=True),
    )
    with town.narrowed_for_a_while():
        narrower = replace(bundle, digest=in_force.house.bundle.digest)
        in_force.house = replace(in_force.house, bundle=narrower)
        assert auditor.poll() == former.poll() == []
    for agency in (auditor, former):
        [cancelled] = town.entries(agency, Outcome.CANCELLED)
        assert cancelled["fields"]["reason"] == "nothing-permitted"
    # There are other auditors, and there was no other owner to tell.
    assert unreached(town) == [OPENED]
    give_to(town, inmate, former)
    review(former, address)
    assert unreached(town) == []


def give_to(town: Town, inmate: Inmate, agency: Agency) -> None:
    """Have another prison keep the file."""
    kept = update(FILE).where(FILE.c.person_id == inmate.person_id)
    town.work(lambda c: c.execute(kept.values(custodian=agency.agency_id)))
