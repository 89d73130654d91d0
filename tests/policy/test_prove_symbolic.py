"""The formulas say of a request exactly what the policies decide of it, policy by policy."""

from collections.abc import Iterator
from datetime import date

import pytest
import z3
from hypothesis import given
from hypothesis import strategies as st

from app.files.catalogue import FIELDS, SECTIONS
from app.policy.bundle import Bundle
from app.policy.errors import PolicyError
from app.policy.facts import BOOL, LONG, STRING, Fact, Facts, read_facts
from app.policy.formulas import RoleFormulas, limits
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.roles import PURPOSES, ROLE_PURPOSES
from app.policy.schema import probe_schema_text
from app.policy.solver import any_model, can_be
from app.policy.symbolic import SymbolicRequest, any_request, enumeration, literal_text
from tests.effort import examples
from tests.policy.unchecked import VOCABULARY, bundle_of, forbid, permit, policies

DAY = date(2027, 3, 3)
FACTS = read_facts(probe_schema_text(VOCABULARY))
TEXTS = ["gjilan", "vitia", "one", "two"]
NAME = "grant:identity.full_name:full"

# Every operator of the subset, negated ones among them, and every kind of fact.
ODD = (
    permit(
        "court_panel",
        NAME,
        "!(context.assigned && context.designated) || context.incident",
        'principal.municipalities.containsAny(["gjilan", "one"])',
    ),
    permit(
        "court_panel",
        "grant:identity.full_name:summary",
        'context.consents.containsAll([Field::"plan.follow_up_schedule"])',
        'principal.agency != "one"',
        'context.officer_assurance != OfficerAssurance::"asserted"',
        id_="Q",
    ),
    permit(
        "court_panel",
        "grant:identity.full_name:generalised",
        "resource has leave_municipality",
        '["one", "gjilan"].contains(resource.leave_municipality)',
        "principal.agency != resource.leave_municipality",
        id_="R",
    ),
    permit(
        "court_panel",
        "grant:identity.full_name:existence",
        "context has days_to_release && context.days_to_release > -10",
        "context.days_to_release < 10",
        id_="S",
    ),
    forbid(
        "block:identity.full_name:summary",
        'principal in [Role::"court_panel", Role::"ngo_mentor"]',
        'context.legal_authorities.containsAny([Part::"plan", Part::"needs"])',
    ),
    forbid("block:identity.full_name:full", "!(resource has return_municipality)", id_="G"),
)

HOUSE = bundle_of(*ODD)


@st.composite
def requests(draw: st.DrawFn, roles: tuple[str, ...]) -> Request:
    text, paths = st.sampled_from(TEXTS), st.frozensets(st.sampled_from(sorted(FIELDS)))
    parts = st.frozensets(st.sampled_from(sorted(SECTIONS)), max_size=3)
    role = draw(st.sampled_from(roles))
    return Request(
        role=role,
        agency=draw(text),
        client="client",
        purpose=draw(st.sampled_from(ROLE_PURPOSES[role]) | st.sampled_from(PURPOSES)),
        custodian=draw(text),
        municipalities=draw(st.frozensets(text)),
        officer_assurance=draw(st.sampled_from(["asserted", "proven"])),
        return_municipality=draw(st.none() | text),
        leave_municipality=draw(st.none() | text),
        days_to_release=draw(st.none() | st.integers(-200, 200)),
        consents=draw(paths),
        relative_consents=draw(paths),
        vital_interest=draw(paths),
        court_orders=draw(parts),
        legal_authorities=draw(parts),
        **{name: draw(st.booleans()) for name in _flags()},
    )


def _flags() -> list[str]:
    return [fact.name for fact in FACTS.by_path.values() if fact.kind == BOOL]


def fixed(symbolic: SymbolicRequest, request: Request) -> Iterator[z3.BoolRef]:
    """That the symbolic request is this one."""
    for fact in FACTS.by_path.values():
        value = getattr(request, fact.name)
        if fact.optional:
            yield symbolic.presence[fact.path] == (value is not None)
        if fact.path in symbolic.texts:
            contains = symbolic.texts[fact.path]
            yield from (contains(literal_text(text)) == (text in value) for text in TEXTS)
        elif fact.path in symbolic.entities:
            members = symbolic.entities[fact.path]
            yield from (truth == (name in value) for name, truth in members.items())
        elif value is not None:
            yield symbolic.terms[fact.path] == _literal(FACTS, fact, value)


def _literal(facts: Facts, fact: Fact, value: str | int) -> z3.ExprRef:
    if fact.kind == STRING:
        return literal_text(str(value))
    if fact.kind in {BOOL, LONG}:
        return z3.BoolVal(value) if fact.kind == BOOL else z3.IntVal(value)
    return z3.IntVal(enumeration(facts, fact.kind).index(str(value)))


def satisfied(policies: dict[str, Policy], request: Request) -> frozenset[str]:
    """The policies that the formulas hold for satisfied by a request."""
    symbolic = any_request(request.role, FACTS)
    formulas = RoleFormulas(policies.values(), symbolic, VOCABULARY)
    distinct = z3.Distinct([literal_text(text) for text in TEXTS])
    model = any_model([*limits([formulas]), *fixed(symbolic, request), distinct])
    assert model is not None
    return frozenset(
        id_
        for id_, holds in formulas.holds.items()
        if z3.is_true(model.eval(holds, model_completion=True))
    )


@examples(12)
@given(request=requests(tuple(ROLE_PURPOSES)))
def test_formulas_agree_with_the_shipped_policies(bundle: Bundle, request: Request) -> None:
    in_force = dict(bundle.span(DAY).table.policies)
    decision = bundle.decide(request, at=DAY)
    assert satisfied(in_force, request) == decision.satisfied


@examples(20)
@given(request=requests(("court_panel", "ngo_mentor")))
def test_formulas_agree_with_policies_that_use_the_whole_subset(request: Request) -> None:
    assert satisfied(dict(HOUSE.policies), request) == HOUSE.decide(request, at=DAY).satisfied


@examples(4)
@given(request=requests(("court_panel",)))
def test_an_action_is_released_by_a_permit_that_no_forbid_cuts(request: Request) -> None:
    symbolic = any_request(request.role, FACTS)
    formulas = RoleFormulas(HOUSE.policies.values(), symbolic, VOCABULARY)
    distinct = z3.Distinct([literal_text(text) for text in TEXTS])
    situation = [*limits([formulas]), *fixed(symbolic, request), distinct]
    field = HOUSE.decide(request, at=DAY).fields["identity.full_name"]
    for place, action in enumerate(VOCABULARY.actions):
        path, _, form = action.partition("#")
        if path == "identity.full_name":
            released = can_be([*situation, formulas.released(place)])
            assert released == (form in _up_to(field.form.code))


def _up_to(form: str) -> list[str]:
    forms = ["none", "existence", "generalised", "summary", "full"]
    return forms[1 : forms.index(form) + 1]


def test_a_condition_outside_the_subset_is_refused_with_its_policy() -> None:
    (odd,) = policies(permit("court_panel", NAME, 'principal.agency like "a*"'))
    with pytest.raises(PolicyError, match="`like` cannot be proved about") as raised:
        RoleFormulas([odd], any_request("court_panel", FACTS), VOCABULARY)
    assert (raised.value.findings[0].file, raised.value.findings[0].policy) == (
        "planted0.cedar",
        "P",
    )


def test_a_comparison_of_sets_is_refused() -> None:
    same = "context.consents == context.vital_interest"
    (odd,) = policies(permit("court_panel", NAME, same))
    with pytest.raises(PolicyError, match="whole sets"):
        RoleFormulas([odd], any_request("court_panel", FACTS), VOCABULARY)
