"""The image and the compose file, as far as they can be read: no container engine runs here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped] # it ships no types
from sqlalchemy.engine import make_url

from app.cli import PARTS
from app.durability import weaknesses_of_way
from app.processes import stopping
from app.settings import PREFIX, Settings

ROOT = Path(__file__).parent.parent
# Those of the image of the product, and what each of them may write.
OURS = {
    "init": {"keys", "state"},
    "serve": set(),
    "dispatch": set(),
    "sequence": {"state"},
}
# As docs/hardening.md makes them.
USERS = {
    "init": "throughcare_owner",
    "serve": "throughcare_api",
    "dispatch": "throughcare_api",
    "sequence": "throughcare_log",
}
DIGEST = "sha256:" + "0" * 64
GIVEN = {
    "BASE": f"python:3.11-slim@{DIGEST}",
    "POSTGRES": f"postgres:17@{DIGEST}",
    "ISSUER": "https://exchange.example",
    "LOG_ORIGIN": "exchange.example/log",
}
VARIABLE = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")


def composed(**given: str) -> dict[str, Any]:
    """The compose file with its variables put in; KeyError for one that has to be given."""

    def value(match: re.Match[str]) -> str:
        name, kind, default = match.groups()
        return given.get(name, default) if kind == "-" else given[name]

    text = VARIABLE.sub(value, (ROOT / "compose.yaml").read_text())
    document = yaml.safe_load(text)
    assert isinstance(document, dict)
    return document


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    services = composed(**GIVEN)["services"]
    assert isinstance(services, dict)
    return services


def instructions() -> Iterator[tuple[str, str]]:
    """The instructions of the Dockerfile in their order."""
    lines = [
        line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")
    ]
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        if line:
            name, _, rest = line.partition(" ")
            yield name, " ".join(rest.split())


def image_environment() -> dict[str, str]:
    """The settings that the image brings."""
    [told] = [rest for name, rest in instructions() if name == "ENV"]
    pairs = (one.partition("=") for one in told.split())
    return {name: text for name, _, text in pairs if name.startswith(PREFIX)}


def test_every_command_that_is_composed_is_one_that_the_tests_run(
    services: dict[str, Any],
) -> None:
    assert services.keys() == {"postgres", *OURS}
    commands = {word for words in PARTS.values() for word in words}
    run = "".join(one.read_text() for one in (ROOT / "tests").glob("*/*.py"))
    for name in OURS:
        [command] = services[name]["command"]
        assert command in commands
        assert f'"{command}' in run


@pytest.mark.parametrize("name", OURS)
def test_every_setting_that_is_composed_is_one(services: dict[str, Any], name: str) -> None:
    settings = Settings.from_environment({**image_environment(), **services[name]["environment"]})
    assert not settings.embed_workers
    assert not settings.allow_illustrative
    url = make_url(settings.database_url)
    assert url.password is None
    secret = Path(str(url.query["passfile"]))
    assert secret == Path("/run/secrets") / services[name]["secrets"][0]


@pytest.mark.parametrize("name", OURS)
def test_each_connects_as_its_role_over_a_way_on_which_it_starts(
    services: dict[str, Any], name: str
) -> None:
    url = make_url(services[name]["environment"]["THROUGHCARE_DATABASE_URL"])
    assert url.username == USERS[name]
    host = str(url.query["host"])
    assert weaknesses_of_way(host, "", encrypted=False, sslmode="prefer") == []
    assert f"socket:{host}:ro" in services[name]["volumes"]
    assert f"socket:{host}" in services["postgres"]["volumes"]
    # Else whoever can write to the socket is whoever it says.
    assert "scram" in services["postgres"]["environment"]["POSTGRES_INITDB_ARGS"]


def test_a_process_is_not_killed_before_it_would_end_by_itself(services: dict[str, Any]) -> None:
    for name in OURS:
        assert int(services[name]["stop_grace_period"].removesuffix("s")) > stopping.SECONDS


@pytest.mark.parametrize("name", OURS)
def test_what_a_process_writes_lies_on_a_volume_and_it_writes_nothing_else(
    services: dict[str, Any], name: str
) -> None:
    settings = Settings.from_environment({**image_environment(), **services[name]["environment"]})
    places = {}
    for volume in services[name]["volumes"]:
        source, place, *mode = volume.split(":")
        places[place] = (source, mode)
    # Both are put in place by renaming, beside what was there.
    for kept in (settings.key_directory, settings.checkpoint_file):
        assert str(kept.parent) in places
    assert {source for source, mode in places.values() if mode != ["ro"]} == OURS[name]


def test_no_process_may_do_more_than_it_has_to(services: dict[str, Any]) -> None:
    for service in services.values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert int(service["user"]) > 0
        assert not service.keys() & {"privileged", "cap_add", "pid"}
        # A network of its own, or none.
        assert service.get("network_mode", "none") == "none"
        assert service.get("networks", ["outside"]) == ["outside"]
        published = service.get("ports", [])
        assert all(one.startswith("127.0.0.1:") for one in published)
        assert not [one for one in service["environment"] if one.endswith("PASSWORD")]
    assert services["postgres"]["network_mode"] == "none"


def test_no_image_is_named_without_its_digest(services: dict[str, Any]) -> None:
    assert services["postgres"]["image"].endswith(DIGEST)
    assert {services[name]["build"]["args"]["BASE"] for name in OURS} == {GIVEN["BASE"]}
    for name in GIVEN:
        with pytest.raises(KeyError):
            composed(**{one: text for one, text in GIVEN.items() if one != name})


def test_the_image_runs_as_nobody_and_signals_reach_its_process() -> None:
    told = list(instructions())
    assert [rest for name, rest in told if name == "USER"] == ["10001"]
    assert dict(told)["ENTRYPOINT"] == '["throughcare"]'
    assert {rest for name, rest in told if name == "FROM"} == {"${BASE} AS build", "${BASE}"}
    assert all(name != "ADD" for name, _ in told)
    assert Settings.from_environment(image_environment())


def test_nothing_gets_into_a_build_but_what_is_copied() -> None:
    """No key and no database can: all is left out that is not named."""
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {line.removeprefix("!") for line in rules if line.startswith("!")}
    copied: set[str] = set()
    for name, rest in instructions():
        if name == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    assert copied == let_in
    assert all((ROOT / one).exists() for one in copied)
