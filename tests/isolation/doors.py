"""Every route of the interface, and for whom it opens: a table beside the code, written by hand.

A route that has no line here fails the tests. Who is not named is told what would be told about
something that does not exist; who has the case may be told the rule instead.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, Literal

from app.access_log.kept_exports import State
from app.administration.fact_rules import TRANSFER_TEST
from app.agencies.registry import OPERATOR_ROLE
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SigningKey
from app.files.catalogue import SECTIONS
from app.policy.roles import ROLE_PURPOSES
from tests.api.exchange import RELEASE, statement
from tests.isolation.stage import (
    CUSTODIAN,
    FILE,
    NOBODY,
    OPERATOR,
    REGISTRAR,
    SECOND,
    Party,
    Stage,
)
from tests.isolation.views import sees
from tests.notifications.mailroom import wait_until

DIGEST = "0" * 64
LAST_DAY = (RELEASE + timedelta(days=30)).isoformat()
NO_CODE = "0000-0000-0000-0000-0"
NO_ID = "f" * 32
FIRST_LEAF = "000.p/1"
NO_TILE = "x999/999"

ROLES = frozenset(ROLE_PURPOSES)
COURT, WELFARE, GATEWAY = "court_panel", "social_welfare_centre", "international_gateway"
CHILD, VICTIM, HEALTH = "child_protection_authority", "victim_support_service", "health_provider"
AUDITOR = "oversight_auditor"
OFFICERS = frozenset({CUSTODIAN, SECOND})
ALL = ROLES | OFFICERS
# Who looks after the registry; their purpose opens that, and no other purpose does.
DESK = frozenset({OPERATOR, REGISTRAR})
# The person is the owner of its belief, and no agency of another than its own prison is it.
OWNERS = frozenset(one.owner_role for one in SECTIONS.values()) - {
    "correctional_service",
    "data_subject",
}
DESIGNATED = frozenset({"police_local", "police_ct", "reintegration_unit", WELFARE, CHILD})
# They have their own way to a person, or none.
WITHOUT_CODES = frozenset({"correctional_service", AUDITOR, "data_subject", OPERATOR_ROLE})
ANY_STATE = {"If-Match": "*"}

# What a party finds at a door: path parameters of something that is there, and a body.
Target = Callable[[Stage, Party], Mapping[str, str]]
Content = Callable[[Stage, Party], object]


# Those with the case may be told the rule; all others must not learn that there is anything.
KnownAs = int | Literal["as seen"]


@dataclass(frozen=True, kw_only=True)
class Door:
    """One route.

    Attributes:
        may: labels of those who get its documented success: parties of the stage.
        seers: whoever may know of the person gets it as well.
        strangers_may: roles whose agencies get it without the case: to what is their own.
        known: what everybody else gets who has the case: `as seen` is 403 for whom the
            policy lets have anything of the person, and 404 for whom it does not.
        told: labels that get another answer than `known`.
        strange: what strangers get, whether there is something or nothing.
        target: path parameters besides the reference; a fresh object each time.
        content: the body; JSON, or a line of JSON where the route takes lines.
        registry: a door of the registry; the others are shut to who looks after that. None: a
            door that no purpose shuts.
        in_person: for officers alone whom their agency's identity provider has proven.
        headers: others than those of the credential.
        elsewhere: where its success is tested, if it takes more than one request to get there.
    """

    may: frozenset[str] = frozenset()
    seers: bool = False
    strangers_may: frozenset[str] = frozenset()
    known: KnownAs = 404
    told: Mapping[str, int] = field(default_factory=dict)
    strange: int = 404
    target: Target = lambda _stage, _party: {}
    content: Content | None = None
    registry: bool | None = False
    in_person: bool = False
    headers: Mapping[str, str] = field(default_factory=dict)
    elsewhere: str = ""


def labels(*names: str) -> frozenset[str]:
    """These parties."""
    return frozenset(names)


# Bodies.


def _child_link(stage: Stage, party: Party) -> dict[str, Any]:
    agency = party.id if party.label.endswith(CHILD) else stage.known[CHILD].id
    return {"reference": party.reference, "agency": agency, "child": f"child-{stage.number()}"}


def _order(stage: Stage, party: Party) -> dict[str, Any]:
    return {
        "reference": party.reference,
        "agency": stage.known["police_ct"].id,
        "parts": ["identity"],
        "case_number": f"K {stage.number()}",
        "evidence_sha256": f"{stage.number():064x}",
        "expires_on": LAST_DAY,
    }


def _transfer(stage: Stage, party: Party) -> dict[str, Any]:
    return {
        "reference": party.reference,
        # To another gateway by the second officer, so that each has an approval of its own.
        "agency": (stage.strangers if party.label == SECOND else stage.known)[GATEWAY].id,
        "answers": dict.fromkeys(TRANSFER_TEST, True),
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    }


def relative(stage: Stage, party: Party) -> dict[str, Any]:
    return {
        "reference": party.reference,
        "recipient_agency": stage.known["reintegration_unit"].id,
        "purpose": "reintegration_coordination",
        "field": "custody.emergency_contact",
        "relative": f"relative-{stage.number()}",
        "text_version": "2027-1",
        "evidence_sha256": DIGEST,
        "expires_on": LAST_DAY,
    }


def _emergency(stage: Stage, party: Party) -> dict[str, Any]:
    agency = party.id if party.label.endswith(HEALTH) else stage.known[HEALTH].id
    return {
        "reference": party.reference,
        "agency": agency,
        "fields": ["health.self_harm_alert"],
        "reason": "danger_to_life",
        "narrative": f"What happened, as told for the {stage.number()}th time.",
    }


def designation(_stage: Stage, _party: Party) -> dict[str, Any]:
    return {"evidence_sha256": DIGEST, "expires_on": LAST_DAY}


def consent(stage: Stage, party: Party) -> dict[str, Any]:
    employment = stage.known["employment_service"].speaker
    version = f"2027-{stage.number()}"
    return statement(party.reference, employment, "identity.full_name", text_version=version)


def _offer(stage: Stage, party: Party) -> dict[str, Any]:
    role = "municipal_team" if party.label == CUSTODIAN else "ngo_mentor"
    return {"reference": party.reference, "agency": stage.strangers[role].id}


def _code(_stage: Stage, party: Party) -> dict[str, Any]:
    return {"reference": party.reference, "purpose": "mentoring"}


def _brought(stage: Stage, party: Party) -> dict[str, Any]:
    """A code that was made for this party's purpose; for who may have none, somebody else's."""
    if party.reference == NOBODY:
        return {"code": NO_CODE}
    role = party.speaker.role
    purpose = "mentoring" if role in WITHOUT_CODES else ROLE_PURPOSES[role][0]
    asked = {"reference": stage.fresh().reference, "purpose": purpose}
    return {"code": stage.custodian.post("/v1/referral-codes", asked)["code"]}


def _endpoint(stage: Stage, _party: Party) -> dict[str, Any]:
    address = f"http://127.0.0.1:9/{stage.number()}"
    return {"endpoint": address, "encryption_jwk": stage.sealing_jwk}


# Of the registry. What a party may have something done to is new each time; to all others it is
# the registrar's own agency, which must outlive them.


def _new_agency(stage: Stage, _party: Party) -> dict[str, Any]:
    return {
        "agency": f"agency-{stage.number()}",
        "name": "A welfare centre",
        "role": WELFARE,
        "country": "XK",
    }


def _new_client(stage: Stage, party: Party) -> dict[str, Any]:
    return {
        "client": f"client-{stage.number()}",
        "agency": _registrars_agency(stage, party),
        "grounds": [{"purpose": ROLE_PURPOSES[WELFARE][0], "legal_basis": "illustrative:welfare"}],
        **_keys(stage, party),
    }


def _keys(_stage: Stage, _party: Party) -> dict[str, Any]:
    return {"jwks": public_jwks([SigningKey.generate()])}


def _new_officer(stage: Stage, party: Party) -> dict[str, Any]:
    officer = f"officer-{stage.number()}"
    return {
        "agency": _registrars_agency(stage, party),
        "officer": officer,
        **_function(stage, party),
    }


def _function(stage: Stage, _party: Party) -> dict[str, Any]:
    return {"function": f"function {stage.number()}"}


def _contacts(stage: Stage, _party: Party) -> dict[str, Any]:
    return {"contact_points": [{"unit": f"desk {stage.number()}", "phone": "+38344000001"}]}


def _registrars_agency(stage: Stage, party: Party) -> str:
    return NO_ID if party.reference == NOBODY else stage.desk[REGISTRAR].id


def _file(_stage: Stage, party: Party) -> dict[str, Any]:
    return {"sections": FILE if party.label in OFFICERS else {}}


def _line(stage: Stage, party: Party) -> dict[str, Any]:
    """A line of an import; from strangers one that does not fit: prisons may open files."""
    if party.label not in ALL:
        return {"reference": party.reference, "sections": {"needs": stage.number()}}
    return {"reference": party.reference, **_file(stage, party)}


def _own_reference(_stage: Stage, party: Party) -> dict[str, Any]:
    return {"reference": party.reference}


# Objects that are there. Each is made by whoever may make it.


def _fact(path: str, content: Content, by: str) -> Target:
    def made(stage: Stage, _party: Party) -> dict[str, str]:
        author = stage.party(by)
        if DOORS[f"POST {path}"].in_person:
            author = author.in_person(stage)
        return {"fact_id": author.post(path, content(stage, author))["fact_id"]}

    return made


def _own_designation(stage: Stage, party: Party) -> dict[str, str]:
    author = party if party.label in DESIGNATED else stage.known["police_ct"]
    return {"fact_id": author.post("/v1/designations", designation(stage, author))["fact_id"]}


def _given_consent(stage: Stage, _party: Party) -> dict[str, str]:
    made = stage.custodian.post("/v1/consents", consent(stage, stage.custodian))
    return {"consent_id": made["consent_id"]}


def _offered(stage: Stage, party: Party) -> dict[str, str]:
    """The case of another person, offered to this party; for all others, to probation."""
    custodian = stage.fresh()
    offer = {"reference": custodian.reference, "agency": _owner(stage, party).id}
    return {"assignment_id": custodian.post("/v1/case-assignments", offer)["assignment_id"]}


def _taken(stage: Stage, party: Party) -> dict[str, str]:
    made = _offered(stage, party)
    _owner(stage, party).post(f"/v1/case-assignments/{made['assignment_id']}/acceptance")
    return made


def _owner(stage: Stage, party: Party) -> Party:
    return stage.known.get(party.label, stage.known["probation_service"])


def _fresh_file(stage: Stage, party: Party) -> dict[str, str]:
    """A file on which nothing was asked for yet; the party's own case, where it keeps none."""
    return {"reference": stage.fresh().reference} if party.label in OFFICERS else {}


def _erasure(stage: Stage, party: Party) -> dict[str, str]:
    made = _fresh_file(stage, party)
    if made:
        path = f"/v1/inmate-files/{made['reference']}/erasure-request"
        stage.custodian.post(path, {"ground": "retention_ended"})
    return made


def _hold(stage: Stage, _party: Party) -> dict[str, str]:
    path = f"/v1/inmate-files/{stage.custodian.reference}/holds"
    return {"hold_id": stage.custodian.post(path, {"reason": "K 1/27"})["hold_id"]}


def _subscription(stage: Stage, party: Party) -> dict[str, str]:
    return _subscribed(stage, _owner(stage, party))


def _somebody_elses_subscription(stage: Stage, party: Party) -> dict[str, str]:
    others = stage.known if party.label.startswith("strange") else stage.strangers
    return _subscribed(stage, others["probation_service"])


def _subscribed(stage: Stage, owner: Party) -> dict[str, str]:
    made = owner.post("/v1/subscriptions", _endpoint(stage, owner))
    return {"subscription_id": made["subscription_id"]}


def _decision(stage: Stage, _party: Party) -> dict[str, str]:
    answer = stage.custodian.speaker.get(stage.custodian.reference)
    stage.exchange.entries(agency_id=stage.custodian.id)  # by then it has its place in the log
    return {"entry_id": answer.headers["disclosure-entry"]}


# One for each door that stands before an export.
EXPORTS = 3


def _export(stage: Stage, _party: Party) -> dict[str, str]:
    """An export of the auditor; those of the other doors stay, older ones go: five at most."""
    auditor, path = stage.known[AUDITOR].speaker, "/v1/access-log/exports"
    while len(stage.exports) > EXPORTS - 1:
        auditor.call("DELETE", f"{path}/{stage.exports.pop(0)}")
    made = auditor.post(path, {"format": "csv", "filters": {"agency": "nobody"}}).json()
    stage.exports.append(made["export_id"])
    # On a busy machine it is not made at once; whoever fetches it expects it whole.
    own = f"{path}/{made['export_id']}"
    if made["state"] != State.FINISHED:
        wait_until(lambda: auditor.call("GET", own).json()["state"] == State.FINISHED, seconds=60)
    return {"export_id": made["export_id"]}


def _own_disclosure(stage: Stage, party: Party) -> dict[str, str]:
    """The entry of what was disclosed to the party; where that is nothing, to the custodian."""
    if party.label not in OFFICERS and not (party.label in ROLES and sees(stage, party)):
        return _decision(stage, party)
    answer = party.speaker.get(party.reference)
    assert answer.is_success, answer.text
    stage.exchange.entries(agency_id=party.id)  # by then it has its place in the log
    return {"entry_id": answer.headers["disclosure-entry"]}


def _agency(stage: Stage, party: Party) -> dict[str, str]:
    if party.label == OPERATOR:
        return {"agency": party.post("/v1/agencies", _new_agency(stage, party))["agency"]}
    return {"agency": stage.desk[REGISTRAR].id}


def _client(stage: Stage, _party: Party) -> dict[str, str]:
    made = stage.desk[OPERATOR].post("/v1/clients", _new_client(stage, stage.desk[REGISTRAR]))
    return {"client": made["client"]}


def _officer(stage: Stage, _party: Party) -> dict[str, str]:
    registrar = stage.desk[REGISTRAR]
    made = registrar.post("/v1/officers", _new_officer(stage, registrar))
    return {"agency": made["agency"], "officer": made["officer"]}


def _section(_stage: Stage, party: Party) -> dict[str, str]:
    """A section that the party owns; for who owns none, one of the custodian's."""
    own = [name for name, one in SECTIONS.items() if one.owner_role == party.speaker.role]
    return {"section": own[0] if own else "needs"}


def _as_the_log_names_it(stage: Stage, party: Party) -> dict[str, str]:
    return {"reference": stage.person_id} if party.label == AUDITOR else {}


def _for_auditors(**given: Target) -> Door:
    may = labels(AUDITOR)
    return Door(may=may, strangers_may=may, known=403, strange=403, **given)  # type: ignore[arg-type]  # targets alone


AN_EXPORT = Door(
    may=labels(AUDITOR),
    known=403,
    strange=403,
    told={f"strange {AUDITOR}": 404},
    target=_export,
)


def _proposing(content: Content, *authors: str) -> Door:
    """A route that states a fact."""
    return Door(may=frozenset(authors), known=403, content=content)


def _moving(path: str, content: Content, by: str, *may: str, **told: int) -> Door:
    """A route on which a fact goes on that `by` has stated."""
    return Door(may=frozenset(may), told=told, target=_fact(path, content, by))


def _listing() -> Door:
    """A list of the registry: everybody who looks after entries has one of their own."""
    own = labels(REGISTRAR)
    return Door(registry=True, may=DESK, strangers_may=own, known=403, strange=403)


def _registering(content: Content, *may: str) -> Door:
    """A route that enters something in the registry."""
    return Door(registry=True, may=frozenset(may), known=403, strange=403, content=content)


def _entry(target: Target, *may: str, **given: Any) -> Door:  # noqa: ANN401 - members of a door
    """A route about an entry of the registry, which is nobody's who does not look after it."""
    return Door(registry=True, may=frozenset(may), known=403, target=target, **given)


def _change(target: Target, content: Content) -> Door:
    """A route that changes an entry in what is its agency's to change."""
    return _entry(target, OPERATOR, REGISTRAR, content=content, headers=ANY_STATE)


PRISON_AND_WELFARE = OFFICERS | {WELFARE}

DOORS: Mapping[str, Door] = {
    # Files. Whoever owns a section writes it; another prison with the case owns none of this one.
    "PUT /v1/inmate-files/{reference}": Door(
        may=OFFICERS | OWNERS,
        known="as seen",
        # A prison may open a file of its own under any name; this one has none in that state.
        told={"strange correctional_service": 412},
        content=_file,
        headers=ANY_STATE,
    ),
    "PATCH /v1/inmate-files/{reference}/sections/{section}": Door(
        may=OFFICERS | OWNERS,
        known="as seen",
        target=_section,
        content=lambda _stage, _party: {},
        headers=ANY_STATE,
    ),
    "GET /v1/inmate-files/{reference}": Door(may=OFFICERS, seers=True, known="as seen"),
    "GET /v1/inmate-files/{reference}/explanation": Door(may=OFFICERS, seers=True, known="as seen"),
    # An answer to each line: whoever may not is refused there.
    "POST /v1/inmate-files/import": Door(
        may=ALL | DESK,
        strangers_may=ROLES | DESK,
        registry=None,
        content=_line,
    ),
    "GET /v1/inmate-files/{reference}/facts": Door(
        may=OFFICERS | {AUDITOR}, target=_as_the_log_names_it
    ),
    "GET /v1/inmate-files/{reference}/own-report": Door(
        may=OFFICERS | {AUDITOR}, target=_as_the_log_names_it
    ),
    # Retention: two officers of the custodian.
    "POST /v1/inmate-files/{reference}/erasure-request": Door(
        may=OFFICERS,
        known=403,
        target=_fresh_file,
        content=lambda _stage, _party: {"ground": "retention_ended"},
    ),
    "POST /v1/inmate-files/{reference}/erasure-request/approval": Door(
        may=labels(SECOND), known=403, told={CUSTODIAN: 409}, target=_erasure
    ),
    "POST /v1/inmate-files/{reference}/erasure-request/withdrawal": Door(
        may=OFFICERS, known=403, target=_erasure
    ),
    "POST /v1/inmate-files/{reference}/holds": Door(
        may=OFFICERS, known=403, content=lambda _stage, _party: {"reason": "K 1/27"}
    ),
    "POST /v1/inmate-files/{reference}/holds/{hold_id}/end": Door(
        may=OFFICERS, known=403, target=_hold
    ),
    # Taking back: the custodian's word, to past recipients alone.
    "POST /v1/inmate-files/{reference}/take-back": Door(
        may=OFFICERS,
        known=403,
        content=lambda _stage, _party: {"what": "erased", "fields": ["needs.accommodation_need"]},
    ),
    "GET /v1/inmate-files/{reference}/take-backs": Door(may=OFFICERS, known=403),
    # Cases.
    "GET /v1/cases": Door(may=ALL, strangers_may=ROLES),
    "GET /v1/case-assignments": Door(may=ALL, strangers_may=ROLES),
    "POST /v1/case-assignments": Door(may=OFFICERS, known=403, content=_offer),
    "POST /v1/case-assignments/{assignment_id}/acceptance": Door(may=ROLES, target=_offered),
    "POST /v1/case-assignments/{assignment_id}/refusal": Door(may=ROLES, target=_offered),
    "POST /v1/case-assignments/{assignment_id}/end": Door(may=ALL, target=_taken),
    "POST /v1/referral-codes": Door(may=PRISON_AND_WELFARE, known=403, content=_code),
    "POST /v1/referral-codes/redemptions": Door(
        may=ROLES - WITHOUT_CODES, strangers_may=ROLES - WITHOUT_CODES, content=_brought
    ),
    # Facts.
    "POST /v1/consents": Door(may=PRISON_AND_WELFARE, known=403, content=consent),
    "POST /v1/consents/{consent_id}/withdrawal": Door(
        may=PRISON_AND_WELFARE, target=_given_consent
    ),
    "POST /v1/child-links": _proposing(_child_link, CHILD),
    "POST /v1/child-links/{fact_id}/confirmation": _moving(
        "/v1/child-links",
        _child_link,
        CHILD,
        CUSTODIAN,
        SECOND,
        COURT,
        child_protection_authority=403,
    ),
    "POST /v1/child-links/{fact_id}/end": _moving(
        "/v1/child-links", _child_link, CHILD, CUSTODIAN, SECOND, CHILD
    ),
    "POST /v1/court-orders": _proposing(_order, CUSTODIAN, SECOND, COURT),
    "POST /v1/court-orders/{fact_id}/confirmation": _moving(
        "/v1/court-orders", _order, CUSTODIAN, SECOND, custodian=403
    ),
    "POST /v1/court-orders/{fact_id}/end": _moving(
        "/v1/court-orders", _order, COURT, COURT, **dict.fromkeys(OFFICERS, 403)
    ),
    "POST /v1/victim-registrations": _proposing(_own_reference, VICTIM),
    "POST /v1/victim-registrations/{fact_id}/end": _moving(
        "/v1/victim-registrations", _own_reference, VICTIM, VICTIM
    ),
    "POST /v1/transfer-approvals": _proposing(_transfer, CUSTODIAN, SECOND),
    "POST /v1/transfer-approvals/{fact_id}/confirmation": _moving(
        "/v1/transfer-approvals", _transfer, CUSTODIAN, SECOND, custodian=403
    ),
    "POST /v1/transfer-approvals/{fact_id}/end": _moving(
        "/v1/transfer-approvals", _transfer, CUSTODIAN, CUSTODIAN, SECOND
    ),
    "POST /v1/relative-consents": _proposing(relative, WELFARE),
    "POST /v1/relative-consents/{fact_id}/withdrawal": _moving(
        "/v1/relative-consents", relative, WELFARE, CUSTODIAN, SECOND, WELFARE
    ),
    "POST /v1/emergency-access": replace(
        _proposing(_emergency, CUSTODIAN, SECOND, HEALTH), in_person=True
    ),
    "GET /v1/emergency-access": Door(may=ALL, strangers_may=ROLES),
    "POST /v1/emergency-access/{fact_id}/review": _moving(
        "/v1/emergency-access", _emergency, HEALTH, CUSTODIAN, SECOND, health_provider=403
    ),
    "POST /v1/emergency-access/{fact_id}/end": _moving(
        "/v1/emergency-access", _emergency, HEALTH, CUSTODIAN, SECOND, HEALTH
    ),
    # What a prison reports of a person in its keeping.
    "POST /v1/inmate-files/{reference}/events": Door(
        may=OFFICERS,
        known=403,
        content=lambda _stage, _party: {"event": "follow_up_recorded"},
    ),
    # Feeds: how they stand is nobody's secret, a hold is decided by its own custodian alone.
    "GET /v1/feeds": Door(may=ALL, strangers_may=ROLES),
    "POST /v1/feeds/{client_id}/decision": Door(
        target=lambda _stage, _party: {"client_id": "nobody-1"},
        content=lambda _stage, _party: {"decision": "release"},
        elsewhere="api/test_feeds.py",
    ),
    "POST /v1/feeds/{client_id}/snapshots": Door(
        known=422,
        strange=422,
        target=lambda _stage, _party: {"client_id": "nobody-1"},
        content=lambda _stage, _party: {"reference": "P-1", "sections": {}},
        elsewhere="api/test_feeds.py",
    ),
    # The caller's own unit: about nobody, so a role without one is told so.
    "POST /v1/designations": Door(
        may=DESIGNATED, strangers_may=DESIGNATED, known=403, strange=403, content=designation
    ),
    "POST /v1/designations/{fact_id}/end": Door(may=DESIGNATED, target=_own_designation),
    # Notifications: the caller's own.
    "POST /v1/subscriptions": Door(may=ALL, strangers_may=ROLES, content=_endpoint),
    "GET /v1/subscriptions": Door(may=ALL, strangers_may=ROLES),
    "GET /v1/subscriptions/{subscription_id}": Door(may=ROLES, target=_subscription),
    "GET /v1/subscriptions/{subscription_id}/deliveries": Door(may=ROLES, target=_subscription),
    # A change and an end are the client's that subscribed.
    "PATCH /v1/subscriptions/{subscription_id}": Door(
        may=ROLES, target=_subscription, content=lambda _stage, _party: {"paused": True}
    ),
    "DELETE /v1/subscriptions/{subscription_id}": Door(may=ROLES, target=_subscription),
    "POST /v1/subscriptions/{subscription_id}/replay": Door(
        may=ROLES, target=_subscription, content=lambda _stage, _party: {"since": 0}
    ),
    "POST /v1/inbox/poll": Door(
        may=ROLES,
        content=lambda stage, party: {**_subscription(stage, party), "returnImmediately": True},
    ),
    "POST /v1/subscriptions/{subscription_id}/verification": Door(
        target=_somebody_elses_subscription,
        content=lambda _stage, _party: {"response": "a.b.c"},
        elsewhere="notifications/test_subscribe.py",
    ),
    "POST /v1/notifications/{jti}/acknowledgement": Door(
        target=lambda _stage, _party: {"jti": NO_ID},
        content=lambda _stage, _party: {"acknowledgement": "a.b.c"},
        elsewhere="notifications/test_acknowledge.py",
    ),
    # What nobody answered about the caller's own persons; whoever keeps nobody has nothing there.
    "GET /v1/escalations": Door(may=ALL, strangers_may=ROLES),
    # The access log: for auditors, and to nobody else does it say whether there is an entry.
    "GET /v1/access-log/entries": _for_auditors(),
    "GET /v1/access-log/entries/{entry_id}/explanation": _for_auditors(target=_decision),
    "GET /v1/access-log/exports": _for_auditors(),
    "POST /v1/access-log/exports": replace(
        _for_auditors(), content=lambda _stage, _party: {"format": "csv"}
    ),
    # An export is its client's: for another auditor it is none.
    "GET /v1/access-log/exports/{export_id}": AN_EXPORT,
    "GET /v1/access-log/exports/{export_id}/content": AN_EXPORT,
    "DELETE /v1/access-log/exports/{export_id}": AN_EXPORT,
    "GET /log/tile/entries/{place}": _for_auditors(
        target=lambda _stage, _party: {"place": FIRST_LEAF}
    ),
    # What the log says of a disclosure: to whom it was made.
    "GET /v1/disclosures/{entry_id}": Door(may=OFFICERS, seers=True, target=_own_disclosure),
    # Who may receive what is nobody's secret.
    "GET /v1/policy/matrix": Door(may=ALL | DESK, strangers_may=ROLES | DESK, registry=None),
    # The registry: the operator's, and of its own agency a registrar's.
    "GET /v1/agencies": _listing(),
    "POST /v1/agencies": _registering(_new_agency, OPERATOR),
    "GET /v1/agencies/{agency}": _entry(_agency, OPERATOR, REGISTRAR),
    "PATCH /v1/agencies/{agency}": _change(_agency, _contacts),
    "POST /v1/agencies/{agency}/revocation": _entry(_agency, OPERATOR),
    "GET /v1/clients": _listing(),
    "POST /v1/clients": _registering(_new_client, OPERATOR),
    "GET /v1/clients/{client}": _entry(_client, OPERATOR, REGISTRAR),
    "PATCH /v1/clients/{client}": _change(_client, _keys),
    "POST /v1/clients/{client}/revocation": _entry(_client, OPERATOR, REGISTRAR),
    "GET /v1/officers": _listing(),
    "POST /v1/officers": _registering(_new_officer, OPERATOR, REGISTRAR),
    "GET /v1/officers/{agency}/{officer}": _entry(_officer, OPERATOR, REGISTRAR),
    "PATCH /v1/officers/{agency}/{officer}": _change(_officer, _function),
    "POST /v1/officers/{agency}/{officer}/end": _entry(_officer, OPERATOR, REGISTRAR),
}

# Doors that record nothing, and why nothing that leaves them has to be on record.
OFF_RECORD: Mapping[str, str] = {
    "GET /v1/case-assignments": "offers by their ids: they say nothing about the person",
    "GET /v1/access-log/exports/{export_id}": "how far it is; asking and fetching are on record",
    "GET /v1/feeds": "how prisons report, and nothing about anybody",
    "GET /v1/subscriptions": "the caller's own endpoints",
    "GET /v1/subscriptions/{subscription_id}": "the same",
    "GET /v1/subscriptions/{subscription_id}/deliveries": "results by the names of notices",
    "POST /v1/inbox/poll": "here nothing waits; what does is on record: tests/notifications",
    "GET /v1/escalations": "here everybody answered; a list is on record: api/test_escalations.py",
    "GET /v1/policy/matrix": "nobody's secret",
    "GET /v1/agencies": "who takes part",
    "GET /v1/agencies/{agency}": "the same",
    "GET /v1/clients": "the same",
    "GET /v1/clients/{client}": "the same",
    "GET /v1/officers": "the same",
    "GET /v1/officers/{agency}/{officer}": "the same",
    # Said again here: the entry of the first time stands.
    "POST /v1/victim-registrations": "a registration that is in force already",
    "POST /v1/transfer-approvals": "an approval that waits for its second officer already",
    "POST /v1/designations": "a designation that is proposed already",
    # Refused before there is anything to record: they name nobody.
    "POST /v1/feeds/{client_id}/snapshots": "a feed that is not the caller's",
    "POST /v1/subscriptions/{subscription_id}/verification": "somebody else's subscription",
    "POST /v1/notifications/{jti}/acknowledgement": "no notice of the caller's",
}

# Routes that ask for no token, and what they answer to a request with nothing in its body.
PUBLIC: Mapping[str, int] = {
    "GET /.well-known/jwks.json": 200,
    "GET /.well-known/oauth-authorization-server": 200,
    "GET /.well-known/oauth-protected-resource": 200,
    "GET /health/live": 200,
    "GET /health/ready": 200,
    "GET /log/checkpoint": 200,
    "GET /log/proof/{entry_id}": 200,
    "GET /log/tile/{level}/{place}": 200,
    "POST /oauth2/token": 415,
    "POST /oauth2/revoke": 415,
    "POST /oauth2/introspect": 415,
}
