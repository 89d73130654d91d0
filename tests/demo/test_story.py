"""The demonstration, played whole: it succeeds on the shipped policy and sees a wider one."""

import json
import os
import shutil
import subprocess
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from app.demo import stage, story
from app.population.sentenced_csv import Dirt, write_sentenced_csv
from app.releases.profile import Profile

SEED = 7


def today() -> date:
    """The day of the country."""
    profile = (stage.POLICIES / "xk" / "profile.toml").read_text(encoding="utf-8")
    return Profile.from_toml(profile).local_date(datetime.now(UTC))


def test_the_demonstration_succeeds_and_leaves_its_result(tmp_path: Path) -> None:
    source = tmp_path / "population.csv"
    dirty = {5: Dirt.MISSING_DATE, 9: Dirt.IMPOSSIBLE_DATE}
    write_sentenced_csv(source, 30, seed=SEED, today=datetime.now(UTC).date(), dirty=dirty)
    summary = tmp_path / "summary.json"
    began = today()
    done = subprocess.run(
        [sys.executable, "-m", "app.cli", "demo"],
        env={
            **os.environ,
            "THROUGHCARE_DEMO_INPUT": str(source),
            "THROUGHCARE_DEMO_MAPPING": "sentenced-population",
            "THROUGHCARE_DEMO_SUMMARY": str(summary),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    result = json.loads(summary.read_text())
    assert result["import"] == {"created": 28, "refused": 2}
    assert [row["line"] for row in result["refused_rows"]] == [5, 9]
    assert result["wrong"] == []
    assert result["opened_notifications"].keys() == result["released"].keys()
    # Where midnight passes meanwhile, whoever leaves tomorrow leaves today.
    shortest = min(result["lead_days"]["welfare-east"])
    assert 1 - (today() - began).days <= shortest <= 1


def test_the_demonstration_sees_a_policy_that_gives_too_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wider = tmp_path / "policies"
    shutil.copytree(stage.POLICIES, wider)
    police = wider / "base" / "police_local.cedar"
    text = police.read_text()
    narrow = "grant:residence_contact.preferred_language:generalised"
    assert narrow in text
    police.write_text(text.replace(narrow, narrow.replace("generalised", "full")))
    monkeypatch.setattr(stage, "POLICIES", wider)
    monkeypatch.setattr(story, "POPULATION", 5)
    # What comes after the agencies have read is played by the demonstration itself.
    read = [title for title, _ in story.STEPS].index("the agencies read")
    monkeypatch.setattr(story, "STEPS", story.STEPS[: read + 1])
    with story.played() as told:
        wrong = told.report.wrong
    assert wrong
    assert all("residence_contact.preferred_language" in one for one in wrong)
