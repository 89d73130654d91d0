"""The policy commands, as somebody at a terminal or a script sees them."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner, Result

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.agencies.tokens import Caller
from app.cli import commands
from app.disclosure.disclose import decide_file, evidence
from app.disclosure.project import recorded_fields
from app.files.catalogue import FIELDS
from app.files.store import StoredFile
from app.house import Act, House, record
from app.main import make_clock, opened
from app.problems import InvalidInput
from tests.cli.command_line import Installation
from tests.cli.conftest import Invoke

SHIPPED = Path(__file__).parents[2] / "policies"
POLICE = "base/police_local.cedar"
AUDITOR = "base/oversight_auditor.cedar"
NEVER = "base/never.cedar"
ADDRESS = """
@id("PLANTED")
@agreement("VICTIMS")
@legal_basis("VICTIM-DUTY")
permit (
  principal in Role::"victim_support_service",
  action in Action::"grant:residence_contact.return_address:full",
  resource
)
when { context.purpose == Purpose::"victim_safety" && context.victim_registered };
"""

Edit = Callable[..., Path]


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shipped bundle without most roles: quick to load, and told of in the same way."""
    directory = tmp_path_factory.mktemp("part") / "policies"
    others = shutil.ignore_patterns("al", "ba", "me", "mk", "rs", "xk")
    shutil.copytree(SHIPPED, directory, ignore=others)
    for file in (directory / "base").iterdir():
        if f"base/{file.name}" not in {POLICE, AUDITOR, NEVER}:
            file.unlink()
    return directory


@pytest.fixture
def edited(part: Path, tmp_path: Path) -> Edit:
    """A copy of that part in which a text of a file is replaced."""
    return copies_of(part, tmp_path / "policies")


@pytest.fixture
def edited_whole(tmp_path: Path) -> Edit:
    """The same of the whole bundle, for what looks at more than a few roles."""
    return copies_of(SHIPPED, tmp_path / "policies")


def copies_of(source: Path, directory: Path) -> Edit:
    def edit(file: str, old: str, new: str, *, count: int = -1) -> Path:
        if not directory.exists():
            shutil.copytree(source, directory)
        text = (directory / file).read_text()
        assert old in text
        (directory / file).write_text(text.replace(old, new, count))
        return directory

    return edit


def run(*arguments: object, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(
        commands("policy"),
        ["policy", *map(str, arguments)],
        input=stdin,
        env={"THROUGHCARE_ALLOW_ILLUSTRATIVE": "true", **environment},
    )


def run_json(*arguments: object) -> tuple[int, dict[str, object]]:
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


# -- check ------------------------------------------------------------------------------------


def test_check_prints_the_digest(part: Path) -> None:
    status, content = run_json("check", "--policies", SHIPPED)
    assert status == 0
    assert content.keys() == {"digest", "policies", "dead_policies", "reviews_due"}
    _, content = run_json("check", "--policies", part)
    assert content["digest"] in run("check", "--policies", part).stdout  # type: ignore[operator]  # a text


def test_check_tells_the_reviews_that_are_due_by_the_legal_day(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    due = []
    for text in ("2027-12-31T22:59:00Z", "2027-12-31T23:00:00Z"):
        clock.write_text(text)
        result = run("check", "--policies", SHIPPED, "--json", THROUGHCARE_CLOCK_FILE=str(clock))
        due.append(json.loads(result.stdout)["reviews_due"])
    assert due[0] == []
    assert "PROBATION" in due[1]


@pytest.mark.parametrize("command", ["matrix"])
def test_a_country_is_read_with_its_overlay(command: str) -> None:
    base, own = (
        run(command, "--policies", SHIPPED, *country, "--json").stdout
        for country in ((), ("--country", "ba"))
    )
    assert json.loads(base)["digest"] != json.loads(own)["digest"]


def test_check_finds_a_policy_that_can_never_match(edited: Edit) -> None:
    directory = edited(
        AUDITOR,
        "].contains(context.purpose)",
        '].contains(context.purpose) && principal.agency == "a" && principal.agency == "b"',
    )
    status, content = run_json("check", "--policies", directory)
    assert (status, content["dead_policies"]) == (1, ["AUD-access-log"])
    result = run("check", "--policies", directory)
    assert result.exit_code == 1
    assert "base/oversight_auditor.cedar:5: AUD-access-log: can never match" in result.stderr


def test_check_refuses_with_file_line_and_policy(edited: Edit) -> None:
    directory = edited(POLICE, "context.days_to_release >= -180", "true", count=1)
    result = run("check", "--policies", directory)
    assert result.exit_code == 1
    assert "base/police_local.cedar:" in result.stderr
    assert "PLO-identity" in result.stderr
    status, content = run_json("check", "--policies", directory)
    assert status == 1
    findings = content["findings"]
    assert isinstance(findings, list)
    assert findings[0].keys() == {"file", "line", "policy", "message"}


def test_the_bundle_of_the_settings_is_meant_unless_another_is_named(
    part: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THROUGHCARE_POLICIES_DIRECTORY", str(tmp_path / "nowhere"))
    assert run("check").exit_code == 1
    assert run("check", "--policies", part).exit_code == 0


def test_placeholders_for_law_are_told(part: Path) -> None:
    result = run("check", "--policies", part, THROUGHCARE_ALLOW_ILLUSTRATIVE="false")
    assert result.exit_code == 1
    assert "illustrative" in result.stderr


# -- prove ------------------------------------------------------------------------------------


def test_prove_proves_what_holds(part: Path) -> None:
    """The whole bundle is proved in tests/policy/test_prove.py, all countries by `make fuzz`."""
    status, content = run_json("prove", "--policies", part)
    assert status == 0
    assert content.keys() == {"digest", "invariants", "dead_policies"}
    invariants = content["invariants"]
    assert isinstance(invariants, list)
    assert {proof["status"] for proof in invariants} == {"proved"}
    assert {proof["witness"] for proof in invariants} == {None}


def test_prove_shows_a_witness_and_exits_with_1(edited: Edit) -> None:
    directory = edited(
        NEVER,
        'Action::"block:residence_contact.return_address:existence"',
        'Action::"block:residence_contact.return_address:full"',
    )
    agreement = victims_agreement()
    (directory / "base" / "planted.cedar").write_text(agreement)
    status, content = run_json("prove", "--policies", directory)
    assert status == 1
    invariants = content["invariants"]
    assert isinstance(invariants, list)
    refuted = {proof["id"]: proof["witness"] for proof in invariants if proof["witness"]}
    assert refuted.keys() == {"9-address"}
    witness = refuted["9-address"]
    assert (witness["role"], witness["form"]) == ("victim_support_service", "summary")
    assert witness["policies"] == ["PLANTED"]
    assert witness["request"]["victim_registered"] is True
    result = run("prove", "--policies", directory)
    assert result.exit_code == 1
    assert "refuted  9-address" in result.stdout


def victims_agreement() -> str:
    """The planted permit, under the agreement and basis of the role's own file."""
    text = (SHIPPED / "base" / "victim_support_service.cedar").read_text()
    names = [text.split(f'@{name}("')[1].split('"')[0] for name in ("agreement", "legal_basis")]
    return ADDRESS.replace("VICTIMS", names[0]).replace("VICTIM-DUTY", names[1])


def test_prove_refuses_a_bundle_that_lost_its_invariants(edited: Edit) -> None:
    directory = edited(POLICE, "PLO-identity", "PLO-identity")
    shutil.rmtree(directory / "invariants")
    result = run("prove", "--policies", directory)
    assert result.exit_code == 1
    assert "there are no invariants to prove" in result.stderr


# -- diff -------------------------------------------------------------------------------------


def test_diff_says_who_gains_what_and_when(part: Path, edited: Edit) -> None:
    directory = edited(
        POLICE, "context.days_to_release <= 30", "context.days_to_release <= 45", count=1
    )
    status, content = run_json("diff", part, directory)
    assert status == 0
    findings = content["findings"]
    assert isinstance(findings, list)
    assert {(f["role"], f["change"], f["replayed"]) for f in findings} == {
        ("police_local", "gains", True)
    }
    text = run("diff", part, directory).stdout
    assert "from 45 to 31 days before the release" in text
    assert "identity.full_name none -> generalised" in text
    assert f"{len(findings)} differences, 1 causes" in text


def test_diff_of_a_cosmetic_edit_is_empty(part: Path, edited: Edit) -> None:
    directory = edited(POLICE, "context.days_to_release <= 30", "context.days_to_release < 31")
    status, content = run_json("diff", part, directory)
    assert (status, content["findings"]) == (0, [])
    assert content["old"] != content["new"]


# -- matrix, timeline, explain ----------------------------------------------------------------


def test_matrix_is_written_in_three_ways(part: Path) -> None:
    _, content = run_json("matrix", "--policies", SHIPPED)
    assert content["fields"] == list(FIELDS)
    assert run("matrix", "--policies", part).stdout.startswith("# Disclosure matrix")
    page = run("matrix", "--policies", part, "--format", "html").stdout
    assert page.startswith("<!doctype html>")


def test_timeline_tells_the_days(part: Path) -> None:
    _, content = run_json("timeline", "--policies", part, "--day", "2027-03-03")
    roles = content["roles"]
    assert isinstance(roles, list)
    (police,) = [line for line in roles if line["role"] == "police_local"]
    assert [step["day"] for step in police["steps"]] == [30, -181]
    text = run("timeline", "--policies", part, "--day", "2027-03-03").stdout
    assert "30 days before the release: opens identity.full_name (generalised)" in text


FACTS = (
    *("--role", "police_local", "--purpose", "welfare_check", "--day", "2027-03-03"),
    *("--fact", "days_to_release=31", "--fact", "municipalities=gjilan"),
    *("--fact", "return_municipality=gjilan", "--field", "identity.full_name"),
)


def test_explain_tells_what_is_missing(part: Path) -> None:
    text = run("explain", *FACTS, "--policies", part).stdout
    assert "identity.full_name: none" in text
    assert "conditions_not_met" in text
    assert "from 30 days before the release to 180 days after the release" in text


def test_explain_reads_a_request_and_facts_go_before_it(part: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"role": "police_local", "days_to_release": 3, "assigned": False}))
    status, content = run_json("explain", file, *FACTS, "--policies", part)
    assert status == 0
    assert content["request"]["days_to_release"] == 31  # type: ignore[index]  # an object
    result = run("explain", "-", *FACTS[4:], "--policies", part, stdin=PIPED)
    assert result.exit_code == 0


PIPED = '{"role": "police_local", "purpose": "welfare_check", "incident": true}'


@pytest.mark.parametrize(
    "arguments",
    [
        ("--role", "king", "--purpose", "welfare_check"),
        ("--role", "police_local"),
        ("--role", "police_local", "--purpose", "welfare_check", "--fact", "asigned"),
        (*FACTS, "--field", "identity.nothing"),
    ],
)
def test_explain_refuses_what_it_does_not_know(part: Path, arguments: tuple[str, ...]) -> None:
    result = run("explain", *arguments, "--policies", part)
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.errors


def test_explain_refuses_a_file_that_is_not_a_request(part: Path, tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    for text in ("nonsense", "[]"):
        file.write_text(text)
        assert isinstance(run("explain", file, "--policies", part).exception, InvalidInput)


# -- test -------------------------------------------------------------------------------------


def test_the_shipped_scenarios_hold_and_open_questions_are_shown() -> None:
    status, content = run_json("test", "--policies", SHIPPED)
    assert status == 0
    differences = content["differences"]
    assert isinstance(differences, list)
    assert all(one["question"] for one in differences)
    result = run("test", "--policies", SHIPPED)
    assert result.exit_code == 0
    assert "open question: " in result.stdout
    assert " 0 decided otherwise" in result.stdout


def test_a_scenario_that_is_decided_otherwise_fails_with_its_place(edited_whole: Edit) -> None:
    directory = edited_whole(
        POLICE, "context.days_to_release <= 30", "context.days_to_release <= 29"
    )
    status, content = run_json("test", "--policies", directory)
    assert status == 1
    differences = content["differences"]
    assert isinstance(differences, list)
    failed = [one for one in differences if one["question"] is None]
    assert {one["scenario"] for one in failed} == {"S1-PLO"}
    assert failed[0] == {
        "file": "scenarios/s01_kosovo_individual_plan.json",
        "scenario": "S1-PLO",
        "field": "identity.full_name",
        "expected": "generalised",
        "got": "none",
        "decided_by": [],
        "reason": "conditions_not_met",
        "question": None,
    }
    result = run("test", "--policies", directory)
    assert result.exit_code == 1
    assert "S1-PLO: identity.full_name: expected generalised, got none" in result.stdout


def test_a_misspelt_scenario_is_refused_with_its_place(edited: Edit) -> None:
    file = "scenarios/s07_kosovo_mentor.json"
    directory = edited(file, "ngo_mentor", "ngo_mentro", count=1)
    result = run("test", "--policies", directory)
    assert result.exit_code == 1
    assert f"{file}: /scenarios/0/request/role: must be one of" in result.stderr


# -- replay -----------------------------------------------------------------------------------

READER = Caller(
    agency_id="probation-1",
    agency_name="Probation",
    role="probation_service",
    country="XK",
    municipalities=frozenset({"XK-MARKTOWN"}),
    client_id="probation-1-1",
    officer_id="officer",
    officer_function="officer",
    assurance="asserted",
    purpose="supervision",
    legal_basis="illustrative:probation_service",
    case=None,
    token_id="",
)
LEVEL = "grant:risk_assessment.risk_level_general:full"


def disclose_in(installation: Installation, house: House, **altered: str) -> str:
    """The probation service reads a file; the id of the entry, its first form `altered`."""

    def work(connection: Connection) -> str:
        at = make_clock(installation.settings)()
        file = StoredFile(person_id="person-1", custodian="prison-1")
        decided = decide_file(connection, house, READER, "person-1", at=at, file=file)
        kept = evidence(decided, 2, hashlib.sha256(b"{}").digest(), media_type="application/json")
        kept["fields"] = recorded_fields(decided.projection)
        kept["fields"]["released"][0] |= altered
        act = Act(
            operation=Operation.DISCLOSURE,
            channel=Channel.READ,
            outcome=Outcome.RELEASED,
            **kept,
        )
        return record(connection, house, READER, act, at=at).id

    with opened(installation.settings) as database:
        return database.run_blocking(work)


@pytest.fixture
def disclosed(installation: Installation, house: House) -> str:
    """The id of an entry as it should be."""
    return disclose_in(installation, house)


def test_replay_says_what_a_candidate_would_have_changed(
    invoke: Invoke, edited_whole: Edit, disclosed: str
) -> None:
    lower = LEVEL.replace("full", "generalised")
    candidate = edited_whole("base/probation_service.cedar", LEVEL, lower)
    done = invoke("policy", "replay", str(candidate), "--json")
    assert done.code == 0
    report = done.json
    assert (report["decisions"], report["compared"], report["differing"]) == (1, 1, 1)
    assert report["differences"] == [
        {
            "role": "probation_service",
            "field": "risk_assessment.risk_level_general",
            "before": "full",
            "after": "generalised",
            "count": 1,
            "entries": [disclosed],
        }
    ]
    assert report["not_reproduced"] == {}
    text = invoke("policy", "replay", str(candidate)).out
    assert "probation_service risk_assessment.risk_level_general full -> generalised: 1" in text
    assert disclosed in text
    assert "1 of 1 decisions would have been others" in text
    for mark in ("MARKTOWN", "person-1", "prison-1"):
        assert mark not in done.said + text


def test_replay_of_the_bundle_in_force_finds_nothing(invoke: Invoke, disclosed: str) -> None:
    assert disclosed
    done = invoke("policy", "replay", str(SHIPPED), "--last", "5")
    assert (done.code, done.out) == (0, "0 of 1 decisions would have been others\n")


def test_a_contradicted_decision_is_an_exit_status(
    invoke: Invoke, installation: Installation, house: House
) -> None:
    """The record says one thing, and the same bundle gives another from the recorded inputs."""
    entry_id = disclose_in(installation, house, form="existence")
    done = invoke("policy", "replay", str(SHIPPED))
    assert done.code == 1
    assert "contradicted: 1 decisions are not compared" in done.out
    assert entry_id in done.out


def test_a_candidate_that_is_refused_is_not_replayed(invoke: Invoke, edited: Edit) -> None:
    directory = edited(POLICE, "context.days_to_release >= -180", "true", count=1)
    done = invoke("policy", "replay", str(directory))
    assert done.code == 1
    assert "base/police_local.cedar:" in done.err


def test_a_country_without_an_overlay_has_the_base(part: Path) -> None:
    assert run_json("check", "--policies", part, "--country", "zz")[0] == 0
