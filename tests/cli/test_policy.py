"""`throughcare policy check`: a digest, or everything that is wrong."""

import shutil
from pathlib import Path

import pytest

from app.policy.loader import digest, read_files
from tests.cli.conftest import Invoke
from tests.world import POLICIES

DIGEST = digest(read_files(POLICIES))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A bundle to be spoilt."""
    folder = tmp_path / "policies"
    shutil.copytree(POLICIES, folder)
    return folder


def test_a_good_bundle_is_told_by_its_digest(invoke: Invoke) -> None:
    done = invoke("policy", "check")
    assert done.code == 0
    assert DIGEST in done.out
    assert invoke("policy", "check", "--json").json["digest"] == DIGEST


def test_the_bundle_of_the_settings_is_meant_unless_another_is_named(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, copy: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THROUGHCARE_POLICIES_DIRECTORY", str(tmp_path / "nowhere"))
    assert invoke("policy", "check").code == 1
    assert invoke("policy", "check", "--policies", str(copy)).code == 0


def test_everything_that_is_wrong_is_told_by_file_and_line(invoke: Invoke, copy: Path) -> None:
    for name in ("police_local", "employment_service"):
        file = copy / "base" / f"{name}.cedar"
        file.write_text(file.read_text() + "\npermit (principal, action, resource);\n")
    done = invoke("policy", "check", "--policies", str(copy))
    assert done.code == 1
    assert done.out == ""
    for name in ("police_local", "employment_service"):
        assert f"base/{name}.cedar:" in done.err
    assert "Traceback" not in done.err


def test_placeholders_for_law_are_told(invoke: Invoke, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHCARE_ALLOW_ILLUSTRATIVE", "false")
    done = invoke("policy", "check")
    assert done.code == 1
    assert "illustrative" in done.err
