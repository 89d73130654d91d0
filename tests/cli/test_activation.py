"""The commands by which a bundle takes effect, as officers and operators use them."""

import hashlib
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from app.access_log import canonical_json
from app.cli.installation import prepare
from app.main import make_clock, make_house, opened
from tests.cli.command_line import Done, Installation
from tests.policy.shipped_part import write_part

Invoke = Callable[..., Done]
POLICE = "base/police_local.cedar"
WINDOW = "context.days_to_release <= 30"
# A permit of the shipped bundle, and the role that it serves.
PERMIT = "PLO-identity"


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder as `init` leaves it, with a bundle of few roles: proofs take their time."""
    folder = tmp_path_factory.mktemp("template")
    write_part(folder / "policies", "police_local", "victim_support_service")
    settings = Installation.planned(folder, folder / "policies").settings
    prepare(settings, at=make_clock(settings)())
    return folder


@pytest.fixture
def installation(template: Path, tmp_path: Path) -> Installation:
    """A fresh installation, for one test to spoil."""
    folder = tmp_path / "installation"
    shutil.copytree(template, folder)
    return Installation.planned(folder, folder / "policies")


@pytest.fixture
def officers(installation: Installation, invoke: Invoke) -> dict[str, Path]:
    """Two policy officers with their keys."""
    keys = {}
    for name in ("first", "second"):
        key = installation.folder / f"{name}.pem"
        assert invoke("policy", "officer", "key", str(key)).code == 0
        added = invoke("policy", "officer", "add", name, "--jwk", f"{key}.jwk")
        assert added.code == 0, added.said
        keys[name] = key
    return keys


def proposal(folder: Path, *edits: tuple[str, str, str]) -> Path:
    """A copy of the bundle of the installation in this folder, with some texts replaced."""
    directory = folder / "proposal"
    shutil.copytree(folder / "installation" / "policies", directory)
    for file, old, new in edits:
        text = (directory / file).read_text()
        assert old in text
        (directory / file).write_text(text.replace(old, new))
    return directory


NARROWER = (POLICE, WINDOW, "context.days_to_release <= 20")


def approve(invoke: Invoke, directory: Path, keys: dict[str, Path], name: str, *more: str) -> Any:  # noqa: ANN401 - JSON
    done = invoke(
        *("policy", "approve", str(directory), "--key", str(keys[name])),
        *("--officer", name, "--json", *more),
    )
    assert done.code == 0, done.said
    return done.json


def in_force(installation: Installation) -> str:
    """The digest under which the service would decide."""
    return make_house(installation.settings, at=datetime.now(UTC)).bundle.digest


def test_two_officers_put_a_bundle_in_force_and_back(
    installation: Installation, invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    shipped = in_force(installation)
    made = approve(invoke, proposal(tmp_path, NARROWER), officers, "first")
    alone = invoke("policy", "activate", made["digest"])
    assert (alone.code, in_force(installation)) == (1, shipped)
    assert "2 different policy officers must sign, 1 did" in alone.err
    again = approve(invoke, tmp_path / "proposal", officers, "second")
    assert again["report_sha256"] == made["report_sha256"]
    assert (again["gains"], again["losses"]) == (0, made["losses"])
    assert made["losses"] > 0
    done = invoke("policy", "activate", made["digest"], "--json")
    assert done.json == {"digest": made["digest"], "activation": 2}
    assert in_force(installation) == made["digest"]

    # Back again: a new activation, with signatures of its own.
    exported = tmp_path / "shipped"
    assert invoke("policy", "export", shipped, str(exported)).code == 0
    assert invoke("policy", "activate", shipped).code == 1
    for name in officers:
        approve(invoke, exported, officers, name)
    assert invoke("policy", "activate", shipped, "--json").json["activation"] == 3
    assert in_force(installation) == shipped
    status = invoke("policy", "status", "--json").json
    assert [one["kind"] for one in status["history"]] == ["initial", "activation", "activation"]
    assert status["in_force"]["signed_by"] == ["first", "second"]
    assert status["open_approvals"] == []
    # What two signed once does not count a second time.
    assert invoke("policy", "activate", made["digest"]).code == 1


def test_an_officer_sees_what_changes_before_it_is_signed(
    invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    done = invoke(
        *("policy", "approve", str(proposal(tmp_path, NARROWER))),
        *("--key", str(officers["first"]), "--officer", "first"),
    )
    assert "police_local loses (by PLO-identity" in done.out
    assert "from 30 to 21 days before the release" in done.out
    status = invoke("policy", "status")
    assert "activation 1" in status.out
    assert "signed by first" in status.out


def test_two_officers_see_and_sign_a_change_of_law_by_which_nobody_receives_anything_else(
    installation: Installation, invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    law = "national law on police (compare Directive (EU) 2016/680, Articles 8 and 10)"
    directory = proposal(tmp_path, ("agreements.toml", law, "Law on police, Article 77"))
    made = approve(invoke, directory, officers, "first")
    report = made["report"]
    assert (report["findings"], made["gains"], made["losses"]) == ([], 0, 0)
    assert [(one["kind"], one["id"], one["change"]) for one in report["grounds"]] == [
        ("legal_basis", "COUNTER-TERRORISM-DUTY", "changed"),
        ("legal_basis", "LOCAL-POLICE-DUTY", "changed"),
    ]
    signed = hashlib.sha256(canonical_json.encode(report)).hexdigest()
    assert signed == made["report_sha256"]
    shown = invoke(
        *("policy", "approve", str(directory)),
        *("--key", str(officers["second"]), "--officer", "second"),
    )
    assert "legal basis LOCAL-POLICE-DUTY is changed" in shown.out
    assert f'  citation: "Placeholder: {law}" -> "Placeholder: Law on police' in shown.out
    assert "2 changes of the law that policies rest on" in shown.out
    assert invoke("policy", "activate", made["digest"]).code == 0
    assert in_force(installation) == made["digest"]


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        ((POLICE, "permit (", "permit ("), "base/extra.cedar:1"),
        ((POLICE, "context.days_to_release >= -180", "true"), f"{POLICE}:"),
        (
            (
                "base/never.cedar",
                'Action::"block:residence_contact.return_address:existence"',
                'Action::"block:residence_contact.return_address:full"',
            ),
            "base/extra.cedar:2: PLANTED: refutes the invariant 9-address",
        ),
    ],
    ids=["unparsable", "lint", "refuted"],
)
def test_a_bad_bundle_is_refused_by_file_line_and_policy_and_the_other_stays(
    installation: Installation,
    invoke: Invoke,
    officers: dict[str, Path],
    tmp_path: Path,
    edit: tuple[str, str, str],
    said: str,
) -> None:
    shipped = in_force(installation)
    directory = proposal(tmp_path, edit)
    extra = directory / "base" / "extra.cedar"
    if "extra.cedar:1" in said:
        extra.write_text("permit(principal);")
    elif "PLANTED" in said:
        extra.write_text(planted(directory))
    done = invoke(
        *("policy", "approve", str(directory)),
        *("--key", str(officers["first"]), "--officer", "first"),
    )
    assert done.code == 1
    assert said in done.err
    assert in_force(installation) == shipped
    assert invoke("policy", "status", "--json").json["open_approvals"] == []


def planted(directory: Path) -> str:
    """A permit that opens an address to victim support."""
    text = (directory / "base" / "victim_support_service.cedar").read_text()
    agreement, basis = (
        text.split(f'@{name}("')[1].split('"')[0] for name in ("agreement", "legal_basis")
    )
    return f"""
@id("PLANTED")
@agreement("{agreement}")
@legal_basis("{basis}")
permit (
  principal in Role::"victim_support_service",
  action in Action::"grant:residence_contact.return_address:full",
  resource
)
when {{ context.purpose == Purpose::"victim_safety" && context.victim_registered }};
"""


def test_one_officer_narrows_in_an_emergency_and_a_second_confirms(
    installation: Installation, invoke: Invoke, officers: dict[str, Path]
) -> None:
    shipped = in_force(installation)
    word = ("--key", str(officers["first"]), "--officer", "first")
    done = invoke("policy", "revoke", PERMIT, *word, "--json")
    assert done.code == 0, done.said
    assert in_force(installation) == done.json["digest"] != shipped
    status = invoke("policy", "status", "--json").json["in_force"]
    assert status["kind"] == "emergency_revocation"
    assert status["signed_by"] == ["first"]
    assert not status["confirmation"]["overdue"]
    assert "to be confirmed by a second officer until" in invoke("policy", "status").out

    alone = invoke("policy", "confirm", *word)
    assert alone.code == 1
    assert "has signed for this bundle already" in alone.err
    second = ("--key", str(officers["second"]), "--officer", "second")
    assert invoke("policy", "confirm", *second).code == 0
    status = invoke("policy", "status", "--json").json["in_force"]
    assert (status["signed_by"], status["confirmation"]) == (["first", "second"], None)


def test_an_emergency_may_put_in_forbids_and_never_a_permit(
    installation: Installation, invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    word = ("--key", str(officers["first"]), "--officer", "first")
    text = (installation.folder / "policies" / POLICE).read_text()
    start = text.index(f'@id("{PERMIT}")')
    permit = text[start : text.index(";", start) + 1].replace(PERMIT, "PLANTED")
    file = tmp_path / "more.cedar"
    file.write_text(permit.replace("<= 30", "<= 300"))
    shipped = in_force(installation)
    widened = invoke("policy", "revoke", *word, "--forbid", str(file))
    assert widened.code == 1
    assert "PLANTED: police_local gains" in widened.err
    assert in_force(installation) == shipped
    agreement, basis = (
        permit.split(f'@{name}("')[1].split('"')[0] for name in ("agreement", "legal_basis")
    )
    file.write_text(
        f'@id("STOP") @agreement("{agreement}") @legal_basis("{basis}")\n'
        'forbid (principal in Role::"police_local", action in '
        'Action::"block:identity.full_name:existence", resource);\n'
    )
    narrowed = invoke("policy", "revoke", *word, "--forbid", str(file), "--json")
    assert narrowed.code == 0, narrowed.said
    assert in_force(installation) == narrowed.json["digest"]
    unknown = invoke("policy", "revoke", "PLO-nothing", *word)
    assert (unknown.code, "PLO-nothing: is not in the bundle" in unknown.err) == (1, True)


def test_an_officer_who_has_ended_signs_for_nothing(
    invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    made = approve(invoke, proposal(tmp_path, NARROWER), officers, "first")
    approve(invoke, tmp_path / "proposal", officers, "second")
    assert invoke("policy", "officer", "end", "second").code == 0
    done = invoke("policy", "activate", made["digest"])
    assert done.code == 1
    assert "second is no policy officer any more" in done.err
    again = invoke(
        *("policy", "approve", str(tmp_path / "proposal")),
        *("--key", str(officers["second"]), "--officer", "second"),
    )
    assert (again.code, "no policy officer any more" in again.err) == (1, True)
    listed = invoke("policy", "officer", "list", "--json").json["officers"]
    assert [one["status"] for one in listed] == ["active", "ended"]


def test_a_bundle_does_not_take_effect_before_the_day_that_was_signed(
    installation: Installation,
    invoke: Invoke,
    officers: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    directory = proposal(tmp_path, NARROWER)
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    day = tomorrow.date().isoformat()
    for name in officers:
        made = approve(invoke, directory, officers, name, "--effective-from", day)
    early = invoke("policy", "activate", made["digest"])
    assert (early.code, f"has signed for {day} or later" in early.err) == (1, True)
    clock = tmp_path / "clock"
    clock.write_text(tomorrow.replace(hour=23).isoformat())
    monkeypatch.setenv("THROUGHCARE_CLOCK_FILE", str(clock))
    done = invoke("policy", "activate", made["digest"])
    assert (done.code, in_force(installation)) == (0, made["digest"]), done.said


def test_a_key_is_for_its_officer_alone(
    installation: Installation, invoke: Invoke, officers: dict[str, Path], tmp_path: Path
) -> None:
    key = officers["first"]
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert invoke("policy", "officer", "key", str(key)).code == 1  # nothing is overwritten
    other = invoke("policy", "officer", "add", "third", "--jwk", f"{key}.jwk")
    assert (other.code, "with this key is registered" in other.err) == (1, True)
    signed = invoke(
        *("policy", "approve", str(proposal(tmp_path, NARROWER))),
        *("--key", str(key), "--officer", "second"),
    )
    assert (signed.code, "the signature is not the officer's" in signed.err) == (1, True)
    with opened(installation.settings):
        busy = invoke("policy", "status")
    assert "another process" in busy.err
