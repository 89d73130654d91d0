"""A bundle must show, before it is used, that known forbids hold on this engine.

Two things are tried with the most favourable request of each role: the engine itself, asked
action by action with the whole bundle and schema, must let each forbid decide; and some
fields must stay shut for all but a few roles, whatever the permits say.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import cedarpy

from app.files.forms import Form
from app.policy import engine
from app.policy.bundle import Bundle, Span
from app.policy.errors import Finding
from app.policy.request import Request
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
        assigned=True,
        consents=fields,
    )


def failures(bundle: Bundle, schema: cedarpy.Schema) -> Iterator[Finding]:
    """Forbids that do not hold, and fields that reach where they never may."""
    fields = frozenset(bundle.vocabulary.fields)
    rules = {id_: policy.rule for id_, policy in bundle.policies.items()}
    whole = engine.Authorizer(rules, schema, fields)
    for role, purposes in ROLE_PURPOSES.items():
        requests = [most_favourable(role, purpose, fields=fields) for purpose in purposes]
        for span, request, custodian in product(bundle.spans, requests, ("agency", "another")):
            yield from _leaks(span, replace(request, custodian=custodian))
        yield from _forbids_that_do_not_hold(bundle, whole, requests[0])


def _leaks(span: Span, request: Request) -> Iterator[Finding]:
    satisfied = span.probe.satisfied(request)
    decision = span.table.decide(satisfied, role=request.role, purpose=request.purpose)
    for path, roles in _NEVER_BEYOND.items():
        field = decision.fields.get(path)
        if field and field.form is not Form.NONE and request.role not in roles:
            for id_ in field.policies:
                message = f"`{path}` must never reach the role `{request.role}`"
                yield span.table.policies[id_].finding(message)


def _forbids_that_do_not_hold(
    bundle: Bundle, whole: engine.Authorizer, request: Request
) -> Iterator[Finding]:
    satisfied = bundle.spans[0].probe.satisfied(request)
    forbids = [bundle.policies[id_] for id_ in satisfied if bundle.policies[id_].is_forbid]
    if not forbids:
        return
    # The lowest action of each forbid stands for it: the mask came from the engine.
    places = [(policy.mask & -policy.mask).bit_length() - 1 for policy in forbids]
    answers = whole.reasons([bundle.vocabulary.actions[place] for place in places], request)
    for policy, answer in zip(forbids, answers, strict=True):
        if answer is not None:
            yield policy.finding("the engine does not let this forbid decide")
