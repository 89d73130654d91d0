"""A bundle must show, before it is used, that known forbids hold on this engine.

Two things are tried. The engine itself, asked with the whole schema, must let each forbid
decide against a permit of the very same actions. And some fields must stay shut for all but a
few roles: a permit that names one of them for another role is tried with the most favourable
request of that role, and must be cut.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import cedarpy

from app.files.forms import Form
from app.policy import engine
from app.policy.bundle import Bundle, Span
from app.policy.errors import Finding
from app.policy.request import Request, parts_of
from app.policy.roles import ROLE_PURPOSES

# Fields that no other role may receive in any form, in any circumstances.
_NEVER_BEYOND: Mapping[str, frozenset[str]] = {
    "health.mental_health_diagnosis": frozenset({"health_provider"}),
    "health.health_summary_clinical": frozenset({"health_provider"}),
    "belief_pastoral.religion_belief": frozenset({"religious_counsellor", "data_subject"}),
    "security_intelligence.intelligence_marker": frozenset({"correctional_service", "police_ct"}),
    "children.child_identities": frozenset({"child_protection_authority", "social_welfare_centre"}),
}


def most_favourable(role: str, purpose: str, *, fields: frozenset[str]) -> Request:
    """A request of this role for which every fact is there and speaks for it."""
    return Request(
        role=role,
        agency="agency",
        client="client",
        purpose=purpose,
        custodian="agency",
        municipalities=frozenset({"municipality"}),
        officer_assurance="proven",
        return_municipality="municipality",
        leave_municipality="municipality",
        days_to_release=0,
        support_open=True,
        incident=True,
        assigned=True,
        designated=True,
        child_linked=True,
        victim_registered=True,
        transfer_approved=True,
        consents=fields,
        relative_consents=fields,
        vital_interest=fields,
        court_orders=parts_of(fields),
        legal_authorities=parts_of(fields),
    )


def failures(bundle: Bundle, schema: cedarpy.Schema) -> Iterator[Finding]:
    """Forbids that do not hold, and fields that reach where they never may."""
    for role, purposes in ROLE_PURPOSES.items():
        for span in bundle.spans:
            if _names_what_never_travels(span, role):
                for purpose, custodian in product(purposes, ("agency", "another")):
                    yield from _leaks(span, _request(bundle, role, purpose, custodian))
    yield from _forbids_that_do_not_hold(bundle, schema)


def _request(bundle: Bundle, role: str, purpose: str, custodian: str) -> Request:
    request = most_favourable(role, purpose, fields=frozenset(bundle.vocabulary.fields))
    return replace(request, custodian=custodian)


def _names_what_never_travels(span: Span, role: str) -> bool:
    """Whether a permit of this role names a field that is not for it; a forbid may still cut it."""
    never = 0
    for path, mask in zip(
        span.table.vocabulary.fields, span.table.vocabulary.field_masks, strict=True
    ):
        if role not in _NEVER_BEYOND.get(path, {role}):
            never |= mask
    mine = (policy for policy in span.table.policies.values() if policy.concerns(role))
    return any(policy.mask & never for policy in mine if not policy.is_forbid)


def _leaks(span: Span, request: Request) -> Iterator[Finding]:
    satisfied = span.probe.satisfied(request)
    decision = span.table.decide(satisfied, role=request.role, purpose=request.purpose)
    for path, roles in _NEVER_BEYOND.items():
        field = decision.fields.get(path)
        if field and field.form is not Form.NONE and request.role not in roles:
            for id_ in field.policies:
                message = f"`{path}` must never reach the role `{request.role}`"
                yield span.table.policies[id_].finding(message)


def _forbids_that_do_not_hold(bundle: Bundle, schema: cedarpy.Schema) -> Iterator[Finding]:
    """Each forbid against a permit of the very same actions for everybody: it must win."""
    forbids = {policy.id: policy for policy in bundle.policies.values() if policy.is_forbid}
    rules = {id_: policy.rule for id_, policy in forbids.items()}
    permits = {f"permit:{id_}": engine.without_conditions(rule) for id_, rule in rules.items()}
    authorizer = engine.Authorizer({**rules, **permits}, schema, bundle.vocabulary.fields)
    for role, purposes in ROLE_PURPOSES.items():
        # A forbid rests on what is always there, so no other fact is needed.
        request = Request(
            role=role, agency="agency", client="client", purpose=purposes[0], custodian="agency"
        )
        satisfied = bundle.spans[0].probe.satisfied(request)
        holding = [forbids[id_] for id_ in sorted(satisfied & forbids.keys())]
        # The lowest action of each forbid stands for it: the mask came from the engine.
        places = [(policy.mask & -policy.mask).bit_length() - 1 for policy in holding]
        actions = [bundle.vocabulary.actions[place] for place in places]
        for policy, answer in zip(holding, authorizer.reasons(actions, request), strict=True):
            if answer is not None:
                yield policy.finding("the engine does not let this forbid decide")
