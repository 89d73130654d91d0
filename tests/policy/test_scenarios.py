"""The shipped scenarios hold; what does not hold, or cannot be read, is named with its place."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.policy.actions import of_the_catalogue
from app.policy.bundle import Bundle
from app.policy.errors import PolicyError
from app.policy.overlays import countries, load_country_bundle
from app.policy.scenario_checks import Failure, failures
from app.policy.scenarios import Scenario, read_scenarios
from tests.policy.conftest import DAY, POLICIES

DOCUMENT = Path(__file__).parents[2] / "docs" / "policy-scenarios.md"
NAME, OFFENCE = "identity.full_name", "sentence.offence_category"
Write = Callable[..., tuple[Scenario, ...]]


@pytest.mark.parametrize("country", [None, *countries(POLICIES)])
def test_every_shipped_scenario_holds(bundle: Bundle, country: str | None) -> None:
    if country is not None:
        bundle = load_country_bundle(POLICIES, country, at=DAY, allow_illustrative=True)
    scenarios = read_scenarios(POLICIES, bundle.vocabulary)
    # Those that name no country are about the base, which an overlay narrows.
    mine = [one for one in scenarios if one.country == country]
    assert country is not None or len(mine) > 20
    found = [failure.to_json() for one in mine for failure in failures(bundle, one)]
    assert [one for one in found if one["question"] is None] == []


def mentor(**expect: Any) -> dict[str, Any]:  # noqa: ANN401 - as a scenario takes them
    return {
        "id": "one",
        "title": "A mentor with consent to a name",
        "source": "these tests",
        "day": "2027-03-03",
        "request": {
            "role": "ngo_mentor",
            "purpose": "mentoring",
            "support_open": True,
            "consents": [NAME],
        },
        "expect": expect,
    }


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes scenarios into one file and reads them."""

    def write(*scenarios: object, **more: object) -> tuple[Scenario, ...]:
        folder = tmp_path / "scenarios"
        folder.mkdir(exist_ok=True)
        content = {"title": "Planted", "scenarios": scenarios, **more}
        (folder / "planted.json").write_text(json.dumps(content))
        return read_scenarios(tmp_path, of_the_catalogue())

    return write


def found(bundle: Bundle, scenarios: tuple[Scenario, ...]) -> list[tuple[str, str, str]]:
    return [
        (one.field, one.expected, one.got) for each in scenarios for one in failures(bundle, each)
    ]


@pytest.mark.parametrize(
    "expect",
    [
        {"exactly": {NAME: "generalised", OFFENCE: "none", "health": "none"}},
        {"at_most": {NAME: "generalised", "identity": "summary"}},
        {"withheld": ["health", "residence_contact.return_address"]},
        {"never": [OFFENCE, "health.mental_health_diagnosis"]},
        {"exactly": {NAME: "generalised"}, "everything_else": "withheld"},
        {"at_most": {NAME: "full"}, "everything_else": "withheld"},
    ],
)
def test_an_expectation_that_holds_says_nothing(
    bundle: Bundle, written: Write, expect: dict[str, Any]
) -> None:
    assert found(bundle, written(mentor(**expect))) == []


@pytest.mark.parametrize(
    ("expect", "failure"),
    [
        ({"exactly": {NAME: "full"}}, (NAME, "full", "generalised")),
        ({"exactly": {NAME: "existence"}}, (NAME, "existence", "generalised")),
        ({"exactly": {OFFENCE: "summary"}}, (OFFENCE, "summary", "none")),
        ({"at_most": {"identity": "existence"}}, (NAME, "at most existence", "generalised")),
        ({"withheld": ["identity"]}, (NAME, "none", "generalised")),
        ({"never": [NAME]}, (NAME, "never", "generalised")),
        # Withheld today, and not for ever.
        ({"never": ["identity.date_of_birth"]}, ("identity.date_of_birth", "never", "none")),
        (
            {"exactly": {OFFENCE: "none"}, "everything_else": "withheld"},
            (NAME, "none", "generalised"),
        ),
    ],
)
def test_an_expectation_that_does_not_hold_names_the_field(
    bundle: Bundle, written: Write, expect: dict[str, Any], failure: tuple[str, str, str]
) -> None:
    assert found(bundle, written(mentor(**expect))) == [failure]


def test_a_failure_names_what_decided(bundle: Bundle, written: Write) -> None:
    def decided_by(**expect: object) -> Failure:
        (failure,) = failures(bundle, *written(mentor(**expect)))
        return failure

    given = decided_by(exactly={NAME: "full"})
    assert (given.scenario.file, given.scenario.id) == ("scenarios/planted.json", "one")
    assert [bundle.policies[id_].role for id_ in given.decided_by] == ["ngo_mentor"]
    assert given.reason is None
    shut = decided_by(exactly={"identity.date_of_birth": "full"})
    assert (shut.decided_by, shut.reason) == ((), "conditions_not_met")


def test_the_day_decides_whether_an_agreement_is_in_force(bundle: Bundle, written: Write) -> None:
    late = {**mentor(exactly={NAME: "none"}), "day": "2099-01-01"}
    assert found(bundle, written(late)) == []


def test_an_open_question_is_told_apart_and_goes_once_it_is_settled(
    bundle: Bundle, written: Write
) -> None:
    question = {NAME: "the texts do not agree"}
    (still,) = failures(bundle, *written(mentor(exactly={NAME: "full"}, open_questions=question)))
    assert still.question == "the texts do not agree"
    (gone,) = failures(
        bundle, *written(mentor(exactly={NAME: "generalised"}, open_questions=question))
    )
    assert (gone.expected, gone.question) == ("no open question", None)


def changed(**members: object) -> dict[str, Any]:
    return {**mentor(withheld=["health"]), **members}


@pytest.mark.parametrize(
    ("scenario", "place"),
    [
        ("text", "/scenarios/0"),
        (changed(titel="x"), "/scenarios/0/titel"),
        ({"id": "one"}, "/scenarios/0/day"),
        (changed(id=7), "/scenarios/0/id"),
        (changed(day="tomorrow"), "/scenarios/0/day"),
        (changed(request={"role": "king", "purpose": "mentoring"}), "/scenarios/0/request/role"),
        (changed(request={"role": "ngo_mentor", "purpose": "x"}), "/scenarios/0/request/purpose"),
        (changed(request={"role": "ngo_mentor"}), "/scenarios/0/request/purpose"),
        (
            changed(request={"role": "ngo_mentor", "purpose": "mentoring", "asigned": True}),
            "/scenarios/0/request/asigned",
        ),
        (
            changed(request={"role": "ngo_mentor", "purpose": "mentoring", "consents": ["x.y"]}),
            "/scenarios/0/request/consents",
        ),
        (
            changed(request={"role": "ngo_mentor", "purpose": "mentoring", "court_orders": ["x"]}),
            "/scenarios/0/request/court_orders",
        ),
        (mentor(), "/scenarios/0/expect"),
        (mentor(witheld=[]), "/scenarios/0/expect/witheld"),
        (mentor(withheld=["identity.nothing"]), "/scenarios/0/expect/withheld"),
        (mentor(withheld=[["identity"]]), "/scenarios/0/expect/withheld"),
        (mentor(never="health"), "/scenarios/0/expect/never"),
        (mentor(exactly={"healt": "none"}), "/scenarios/0/expect/exactly"),
        (mentor(exactly={NAME: "ful"}), f"/scenarios/0/expect/exactly/{NAME}"),
        (mentor(at_most={NAME: ["full"]}), f"/scenarios/0/expect/at_most/{NAME}"),
        (mentor(everything_else="released"), "/scenarios/0/expect/everything_else"),
        (mentor(open_questions={"health": "x"}), "/scenarios/0/expect/open_questions/health"),
    ],
)
def test_what_does_not_exist_is_an_error_with_its_place(
    written: Write, scenario: object, place: str
) -> None:
    with pytest.raises(PolicyError) as refused:
        written(scenario)
    assert f"scenarios/planted.json: {place}: " in str(refused.value)


def test_every_error_of_a_folder_is_said_at_once(written: Write) -> None:
    with pytest.raises(PolicyError) as refused:
        written(mentor(), changed(titel="x"), titel="x")
    assert "planted.json: /titel: no such key" in str(refused.value)
    with pytest.raises(PolicyError) as refused:
        written(mentor(), changed(titel="x"))
    assert len(refused.value.findings) == 2


def test_an_id_stands_once_and_a_key_too(written: Write, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="the id one stands there before"):
        written(changed(), changed())
    (tmp_path / "scenarios" / "planted.json").write_text('{"title": "a", "title": "b"}')
    with pytest.raises(PolicyError, match="stands twice"):
        read_scenarios(tmp_path, of_the_catalogue())


def test_a_folder_without_scenarios_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no scenarios to test"):
        read_scenarios(tmp_path, of_the_catalogue())


def test_the_example_of_the_documentation_holds(bundle: Bundle, written: Write) -> None:
    (example,) = re.findall(r"```json\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    content = json.loads(example)
    assert found(bundle, written(*content["scenarios"])) == []
