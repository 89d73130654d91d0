"""The policies against a second writing of the disclosure matrix, over many requests.

`THROUGHCARE_TEST_ORACLE_REQUESTS` says how many are drawn, `THROUGHCARE_TEST_SEED` repeats a run.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from random import Random

import pytest

from app.files.catalogue import FIELDS, SECTIONS
from app.files.forms import Form
from app.policy.bundle import Bundle, make_bundle
from app.policy.errors import DecisionFailed
from app.policy.loader import load_bundle
from app.policy.request import Request
from app.policy.roles import PURPOSES, ROLE_PURPOSES
from tests.isolation import oracle
from tests.isolation.readings import DIFFERENT_READINGS, as_the_policies_read, code_of
from tests.isolation.requests import (
    HOME,
    PRESENT,
    bare,
    described,
    drawn,
    role_purposes,
    systematic,
    without_one,
)

POLICIES = Path(__file__).parent.parent.parent / "policies"
AT = date(2027, 3, 3)
REQUESTS = int(os.environ.get("THROUGHCARE_TEST_ORACLE_REQUESTS", "4000"))
SEED = int(os.environ.get("THROUGHCARE_TEST_SEED", "20270303"))
SHOWN = 20  # differences that one failure prints


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    # The reference engine is held against the compiled policies elsewhere, at length.
    return load_bundle(POLICIES, at=AT, allow_illustrative=True, cross_check="off")


def test_the_oracle_names_every_section_and_no_field_that_is_not_there() -> None:
    assert list(oracle.MATRIX) == list(SECTIONS)
    named = {*oracle.OVERRIDES, *oracle.VITAL, *oracle.RELATIVES}
    limited = {name for _, _, names, _ in oracle.LIMITS for name in names.split()}
    named |= limited - set(SECTIONS)
    named |= {path for path, _ in (*oracle.RAISED, *oracle.OWNING_UNITS)}
    named |= {path for _, path in DIFFERENT_READINGS}
    assert named <= set(FIELDS)


def test_the_oracle_knows_the_same_roles_and_purposes() -> None:
    of_agencies = {
        role: frozenset(purposes)
        for role, purposes in ROLE_PURPOSES.items()
        if role not in {"data_subject", "oversight_auditor"}
    }
    assert of_agencies == {role: oracle.PURPOSES[code] for role, code in oracle.CODE.items()}


def test_the_policies_give_what_the_matrix_gives(bundle: Bundle) -> None:
    wrong: list[str] = []
    differing: set[tuple[str, str]] = set()
    for request in _all_requests():
        code, got, read = code_of(request), _released(bundle, request), oracle.expected(request)
        differing |= {(code, path) for path in FIELDS if read[path] != got[path]}
        wrong += _differences(as_the_policies_read(request, read), got, request)
    assert not wrong, _report(wrong)
    assert differing == set(DIFFERENT_READINGS), "a difference is new, or no longer one"


def test_a_fact_less_never_gives_a_field_or_raises_a_form(bundle: Bundle) -> None:
    random = Random(SEED + 1)  # noqa: S311 - not a secret
    wrong: list[str] = []
    for request in _all_requests():
        poorer = without_one(random, request)
        before, after = _released(bundle, request), _released(bundle, poorer)
        wrong += [
            f"{path}: {before[path]} became {after[path]}: "
            f"{described(request)}; then {described(poorer)}"
            for path in FIELDS
            if oracle.LETTERS.index(after[path]) > oracle.LETTERS.index(before[path])
        ]
    assert not wrong, _report(wrong)


def test_a_permit_less_never_gives_a_field_or_raises_a_form(bundle: Bundle) -> None:
    random = Random(SEED + 3)  # noqa: S311 - not a secret
    permits = [one for one in bundle.policies.values() if one.role and not one.is_forbid]
    for cut in random.sample(permits, min(len(permits), REQUESTS // 200)):
        kept = [policy for policy in bundle.policies.values() if policy.id != cut.id]
        poorer = make_bundle(
            kept,
            bundle.register,
            bundle.vocabulary,
            digest=bundle.digest,
            cross_check=bundle.cross_check,
        )
        role, purpose = random.choice([pair for pair in role_purposes() if pair[0] == cut.role])
        everything = replace(bare(role, purpose), **PRESENT)
        own = replace(everything, custodian=everything.agency)
        for request in (everything, own, *(drawn(random, role, purpose) for _ in range(20))):
            before, after = _released(bundle, request), _released(poorer, request)
            raised = [
                path
                for path in FIELDS
                if oracle.LETTERS.index(after[path]) > oracle.LETTERS.index(before[path])
            ]
            assert not raised, f"without {cut.id}: {described(request)}"


def test_an_answer_goes_with_the_person_whoever_of_a_role_asks_and_in_any_order(
    bundle: Bundle,
) -> None:
    random = Random(SEED + 2)  # noqa: S311 - not a secret
    for role, purpose in role_purposes():
        for _ in range(5):
            first, second = (drawn(random, role, purpose) for _ in range(2))
            answers = _released(bundle, first), _released(bundle, second)
            swapped = _released(bundle, _by_another(second)), _released(bundle, _by_another(first))
            assert swapped == (answers[1], answers[0]), described(first)


def test_a_purpose_of_another_role_opens_nothing(bundle: Bundle) -> None:
    for role, purposes in ROLE_PURPOSES.items():
        for purpose in PURPOSES:
            if purpose not in purposes:
                everything = replace(bare(role, purpose), custodian="agency-1", **PRESENT)
                assert set(_released(bundle, everything).values()) == {"-"}, described(everything)


@pytest.mark.parametrize(
    ("role", "purpose"),
    [
        ("nobody", "supervision"),
        ("probation_service", "no_purpose"),
        ("nobody", "no_purpose"),
        ("", ""),
        ("Probation_service", "supervision"),
        ("probation_service", "supervision "),
    ],
)
def test_an_unknown_role_or_purpose_opens_nothing(bundle: Bundle, role: str, purpose: str) -> None:
    with pytest.raises(DecisionFailed):
        bundle.decide(replace(bare(role, purpose), **PRESENT), at=AT)


def test_a_municipality_that_nobody_named_is_nobodys_territory(bundle: Bundle) -> None:
    """An absent place must not be found in an empty territory, nor in a strange one."""
    known = replace(
        bare("police_local", "welfare_check"),
        **{**PRESENT, "return_municipality": None, "leave_municipality": None},
    )
    for municipalities in (frozenset[str](), frozenset({HOME})):
        request = replace(known, municipalities=municipalities)
        assert set(_released(bundle, request).values()) == {"-"}


def _all_requests() -> Iterator[Request]:
    random = Random(SEED)  # noqa: S311 - not a secret
    pairs = tuple(role_purposes())
    yield from systematic()
    for number in range(REQUESTS):
        yield drawn(random, *pairs[number % len(pairs)])


def _released(bundle: Bundle, request: Request) -> dict[str, str]:
    fields = bundle.decide(request, at=AT).fields
    return {path: oracle.LETTERS[Form(field.form)] for path, field in fields.items()}


def _differences(expected: dict[str, str], got: dict[str, str], request: Request) -> Iterator[str]:
    for path in FIELDS:
        if expected[path] != got[path]:
            yield (
                f"{code_of(request)} {path}: expected {expected[path]}, got {got[path]}: "
                f"{described(request)}"
            )


def _report(wrong: list[str]) -> str:
    return "\n".join((f"{len(wrong)} in all, the first:", *wrong[:SHOWN]))


def _by_another(request: Request) -> Request:
    """The same of the person, asked by another client of another agency of that role."""
    own = request.agency == request.custodian
    return replace(
        request, agency="agency-9", client="client-9", custodian="agency-9" if own else "agency-8"
    )
