"""The policy commands, as somebody at a terminal or a script sees them."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.cli import cli
from app.files.catalogue import FIELDS
from app.problems import InvalidInput

SHIPPED = Path(__file__).parents[2] / "policies"
POLICE = "base/police_local.cedar"
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


@pytest.fixture
def edited(tmp_path: Path) -> Edit:
    """A copy of the shipped bundle in which a text of a file is replaced."""

    def edit(file: str, old: str, new: str, *, count: int = -1) -> Path:
        directory = tmp_path / "policies"
        if not directory.exists():
            others = shutil.ignore_patterns("al", "ba", "me", "mk", "rs")
            shutil.copytree(SHIPPED, directory, ignore=others)
        text = (directory / file).read_text()
        assert old in text
        (directory / file).write_text(text.replace(old, new, count))
        return directory

    return edit


def run(*arguments: object, stdin: str | None = None, **environment: str) -> Result:
    return CliRunner().invoke(
        cli,
        ["policy", *map(str, arguments)],
        input=stdin,
        env={"THROUGHCARE_ALLOW_ILLUSTRATIVE": "true", **environment},
    )


def run_json(*arguments: object) -> tuple[int, dict[str, object]]:
    result = run(*arguments, "--json")
    return result.exit_code, json.loads(result.stdout)


# -- check ------------------------------------------------------------------------------------


def test_check_prints_the_digest() -> None:
    status, content = run_json("check", "--policies", SHIPPED)
    assert status == 0
    assert content.keys() == {"digest", "policies", "dead_policies", "reviews_due"}
    assert content["digest"] in run("check", "--policies", SHIPPED).stdout  # type: ignore[operator]  # a text


def test_check_tells_the_reviews_that_are_due_by_the_legal_day(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    due = []
    for text in ("2027-12-31T22:59:00Z", "2027-12-31T23:00:00Z"):
        clock.write_text(text)
        result = run("check", "--policies", SHIPPED, "--json", THROUGHCARE_CLOCK_FILE=str(clock))
        due.append(json.loads(result.stdout)["reviews_due"])
    assert due[0] == []
    assert "PROBATION" in due[1]


@pytest.mark.parametrize("command", ["check", "matrix", "timeline"])
def test_a_country_is_read_with_its_overlay(command: str) -> None:
    base, own = (
        run(command, "--policies", SHIPPED, *country, "--json").stdout
        for country in ((), ("--country", "ba"))
    )
    assert json.loads(base)["digest"] != json.loads(own)["digest"]


def test_check_finds_a_policy_that_can_never_match(edited: Edit) -> None:
    directory = edited(
        "base/oversight_auditor.cedar",
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
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THROUGHCARE_POLICIES_DIRECTORY", str(tmp_path / "nowhere"))
    assert run("check").exit_code == 1
    assert run("check", "--policies", SHIPPED).exit_code == 0


def test_placeholders_for_law_are_told() -> None:
    result = run("check", "--policies", SHIPPED, THROUGHCARE_ALLOW_ILLUSTRATIVE="false")
    assert result.exit_code == 1
    assert "illustrative" in result.stderr


# -- prove ------------------------------------------------------------------------------------


def test_prove_proves_the_shipped_bundle() -> None:
    status, content = run_json("prove", "--policies", SHIPPED)
    assert status == 0
    assert content.keys() == {"digest", "invariants", "dead_policies"}
    invariants = content["invariants"]
    assert isinstance(invariants, list)
    assert {proof["status"] for proof in invariants} == {"proved"}
    assert {proof["witness"] for proof in invariants} == {None}


def test_prove_shows_a_witness_and_exits_with_1(edited: Edit) -> None:
    directory = edited(
        "base/never.cedar",
        'Action::"block:residence_contact.return_address:existence"',
        'Action::"block:residence_contact.return_address:full"',
    )
    agreement = victims_agreement(directory)
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


def victims_agreement(directory: Path) -> str:
    """The planted permit, under the agreement and basis of the role's own file."""
    text = (directory / "base" / "victim_support_service.cedar").read_text()
    names = [text.split(f'@{name}("')[1].split('"')[0] for name in ("agreement", "legal_basis")]
    return ADDRESS.replace("VICTIMS", names[0]).replace("VICTIM-DUTY", names[1])


def test_prove_refuses_a_bundle_that_lost_its_invariants(edited: Edit) -> None:
    directory = edited(POLICE, "PLO-identity", "PLO-identity")
    shutil.rmtree(directory / "invariants")
    result = run("prove", "--policies", directory)
    assert result.exit_code == 1
    assert "there are no invariants to prove" in result.stderr


# -- diff -------------------------------------------------------------------------------------


def test_diff_says_who_gains_what_and_when(edited: Edit) -> None:
    directory = edited(
        POLICE, "context.days_to_release <= 30", "context.days_to_release <= 45", count=1
    )
    status, content = run_json("diff", SHIPPED, directory)
    assert status == 0
    findings = content["findings"]
    assert isinstance(findings, list)
    assert {(f["role"], f["change"], f["replayed"]) for f in findings} == {
        ("police_local", "gains", True)
    }
    text = run("diff", SHIPPED, directory).stdout
    assert "from 45 to 31 days before the release" in text
    assert "identity.full_name none -> generalised" in text
    assert f"{len(findings)} differences, 1 causes" in text


def test_diff_of_a_cosmetic_edit_is_empty(edited: Edit) -> None:
    directory = edited(POLICE, "context.days_to_release <= 30", "context.days_to_release < 31")
    status, content = run_json("diff", SHIPPED, directory)
    assert (status, content["findings"]) == (0, [])
    assert content["old"] != content["new"]


# -- matrix, timeline, explain ----------------------------------------------------------------


def test_matrix_is_written_in_three_ways() -> None:
    _, content = run_json("matrix", "--policies", SHIPPED)
    assert content["fields"] == list(FIELDS)
    assert run("matrix", "--policies", SHIPPED).stdout.startswith("# Disclosure matrix")
    page = run("matrix", "--policies", SHIPPED, "--format", "html").stdout
    assert page.startswith("<!doctype html>")


def test_timeline_tells_the_days() -> None:
    _, content = run_json("timeline", "--policies", SHIPPED, "--day", "2027-03-03")
    roles = content["roles"]
    assert isinstance(roles, list)
    (police,) = [line for line in roles if line["role"] == "police_local"]
    assert [step["day"] for step in police["steps"]] == [30, -181]
    text = run("timeline", "--policies", SHIPPED, "--day", "2027-03-03").stdout
    assert "30 days before the release: opens identity.full_name (generalised)" in text


FACTS = (
    *("--role", "police_local", "--purpose", "welfare_check", "--day", "2027-03-03"),
    *("--fact", "days_to_release=31", "--fact", "municipalities=gjilan"),
    *("--fact", "return_municipality=gjilan", "--field", "identity.full_name"),
)


def test_explain_tells_what_is_missing() -> None:
    text = run("explain", *FACTS, "--policies", SHIPPED).stdout
    assert "identity.full_name: none" in text
    assert "conditions_not_met" in text
    assert "from 30 days before the release to 180 days after the release" in text


def test_explain_reads_a_request_and_facts_go_before_it(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    file.write_text(json.dumps({"role": "police_local", "days_to_release": 3, "assigned": False}))
    status, content = run_json("explain", file, *FACTS, "--policies", SHIPPED)
    assert status == 0
    assert content["request"]["days_to_release"] == 31  # type: ignore[index]  # an object
    result = run("explain", "-", *FACTS[4:], "--policies", SHIPPED, stdin=PIPED)
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
def test_explain_refuses_what_it_does_not_know(arguments: tuple[str, ...]) -> None:
    result = run("explain", *arguments, "--policies", SHIPPED)
    assert isinstance(result.exception, InvalidInput)
    assert result.exception.errors


def test_explain_refuses_a_file_that_is_not_a_request(tmp_path: Path) -> None:
    file = tmp_path / "request.json"
    for text in ("nonsense", "[]"):
        file.write_text(text)
        assert isinstance(run("explain", file, "--policies", SHIPPED).exception, InvalidInput)


def test_a_country_without_an_overlay_has_the_base() -> None:
    assert run_json("check", "--policies", SHIPPED, "--country", "mk")[0] == 0
