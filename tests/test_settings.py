"""Settings: every one from the environment, and no bad one silently."""

from dataclasses import fields
from pathlib import Path

import pytest

from app.problems import InvalidInput
from app.settings import PREFIX, Settings

WITNESS = "w.example+0c998a80+BDbB1gWXxAgceuwDqXmwhcFivylHCGls6jzLJ6dse8kF"
# For every setting: a text, and the value that it stands for.
EXAMPLES: dict[str, tuple[str, object]] = {
    "database_url": (
        "postgresql+psycopg://service@db/throughcare",
        "postgresql+psycopg://service@db/throughcare",
    ),
    "allow_unsafe_database": ("true", True),
    "key_directory": ("/run/secrets/keys", Path("/run/secrets/keys")),
    "checkpoint_file": ("/srv/log/checkpoint", Path("/srv/log/checkpoint")),
    "policies_directory": ("/etc/policies", Path("/etc/policies")),
    "profile": ("ba", "ba"),
    "issuer": ("https://exchange.example", "https://exchange.example"),
    "log_origin": ("exchange.example/log", "exchange.example/log"),
    "witnesses": (
        f"{WITNESS} https://w.example/log, {WITNESS} http://127.0.0.1:8444",
        (f"{WITNESS} https://w.example/log", f"{WITNESS} http://127.0.0.1:8444"),
    ),
    "witness_quorum": ("2", 2),
    "host": ("0.0.0.0", "0.0.0.0"),  # noqa: S104 - a text here, nothing listens
    "port": ("8443", 8443),
    "database_connections": ("4", 4),
    "turn_away_seconds": ("2.5", 2.5),
    "metrics_port": ("9464", 9464),
    "metrics_host": ("10.1.2.3", "10.1.2.3"),
    "tracing": ("true", True),
    "body_limit": ("4096", 4096),
    "import_limit": ("1000000", 1_000_000),
    "snapshot_limit": ("500000", 500_000),
    "requests_per_minute": ("60", 60),
    "requests_at_once": ("5", 5),
    "export_rows_at_once": ("500", 500),
    "body_seconds": ("2.5", 2.5),
    "allow_illustrative": ("true", True),
    "require_proven_officers": ("true", True),
    "cross_check": ("sampled", "sampled"),
    "allow_loopback_delivery": ("1", True),
    "delivery_hosts": ("a.example, .gov.example", ("a.example", ".gov.example")),
    "delivery_networks": ("public,10.20.0.0/16", ("public", "10.20.0.0/16")),
    "embed_workers": ("false", False),
    "dispatch_interval": ("0.25", 0.25),
    "checkpoint_interval": ("5", 5.0),
    "alert_rules": ("/etc/alerts.toml", Path("/etc/alerts.toml")),
    "alert_interval": ("30", 30.0),
    "retry_base_seconds": ("1.5", 1.5),
    "heartbeat_seconds": ("1.5", 1.5),
    "inbox_wait_seconds": ("1.5", 1.5),
    "retention_days": ("730", 730),
    "clock_file": ("/tmp/clock", Path("/tmp/clock")),  # noqa: S108 - a text here
}
NAMES = [field.name for field in fields(Settings)]


def refusal(variable: str, text: str) -> InvalidInput:
    """How a value is refused."""
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environment({variable: text})
    return caught.value


def test_there_is_an_example_of_every_setting() -> None:
    assert sorted(EXAMPLES) == sorted(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_every_setting_comes_from_its_variable(name: str) -> None:
    text, value = EXAMPLES[name]
    settings = Settings.from_environment({PREFIX + name.upper(): text})
    found = getattr(settings, name)
    assert found == value
    assert type(found) is type(value)
    # And from its own only: everything else is as it was.
    others = [other for other in NAMES if other != name]
    assert [getattr(settings, o) for o in others] == [getattr(Settings(), o) for o in others]


@pytest.mark.parametrize("name", NAMES)
def test_every_default_is_of_the_declared_type(name: str) -> None:
    default = getattr(Settings(), name)
    assert default is None or isinstance(default, type(EXAMPLES[name][1]))


def test_without_variables_the_defaults_hold() -> None:
    assert Settings.from_environment({"PATH": "/bin", "HOME": "/root"}) == Settings()


def test_the_process_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("THROUGHCARE_PORT", "9000")
    assert Settings.from_environment().port == 9000


def test_variables_of_the_demo_and_of_the_tests_are_left_alone() -> None:
    environment = {"THROUGHCARE_DEMO_INPUT": "x.csv", "THROUGHCARE_TEST_POSTGRES_URL": "x"}
    assert Settings.from_environment(environment) == Settings()


@pytest.mark.parametrize(
    "variable",
    [
        "THROUGHCARE_DATABSE_URL",
        "THROUGHCARE_",
        "THROUGHCARE_port",  # names are exact: else two variables could set one field
        "THROUGHCARE_DEMOS",
    ],
)
def test_an_unknown_variable_is_refused_by_name(variable: str) -> None:
    problem = refusal(variable, "8000")
    assert [(e.pointer, e.message) for e in problem.errors] == [(variable, "no such setting")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("port", "eighty"),
        ("port", "0"),
        ("port", "-1"),
        ("port", "65536"),
        ("database_connections", "3"),
        ("port", "80.5"),
        ("metrics_port", "65536"),
        ("port", ""),
        ("body_limit", "0"),
        ("body_limit", "-1"),
        ("import_limit", "1e6"),
        ("dispatch_interval", "nan"),
        ("dispatch_interval", "inf"),
        ("dispatch_interval", "-1"),
        ("heartbeat_seconds", "1e300"),
        ("turn_away_seconds", "1e20"),
        ("turn_away_seconds", "-0.5"),
        ("checkpoint_interval", "0"),
        ("retry_base_seconds", "soon"),
        ("allow_illustrative", "yes"),
        ("allow_illustrative", ""),
        ("allow_loopback_delivery", "2"),
        ("key_directory", ""),
        ("checkpoint_file", "  "),
        ("clock_file", ""),
        ("host", ""),
        ("profile", "../secrets"),
        ("issuer", "exchange.example"),
        ("issuer", "https://exchange.example/"),
        ("issuer", "https://"),
        ("issuer", "https://exchange.example?x=1"),
        ("log_origin", "two words"),
        ("log_origin", "a+b"),
        ("database_url", "throughcare.db"),
        ("database_url", "sqlite://"),
        ("database_url", "sqlite:///:memory:"),
        ("database_url", "mysql://root@db/throughcare"),
    ],
)
def test_a_bad_value_is_refused_by_name_and_what_was_expected(name: str, text: str) -> None:
    variable = PREFIX + name.upper()
    problem = refusal(variable, text)
    (finding,) = problem.errors
    assert finding.pointer == variable
    assert finding.message.startswith("expected")
    assert variable in str(problem)


def test_nobody_need_be_turned_away() -> None:
    for text in ("0", "0.0"):
        assert Settings.from_environment({"THROUGHCARE_TURN_AWAY_SECONDS": text}) == Settings()


def test_a_refused_value_is_not_repeated() -> None:
    problem = refusal("THROUGHCARE_DATABASE_URL", "mysql://service:planted-password@db/x")
    assert "planted-password" not in f"{problem} {problem.errors} {problem.__cause__}"


def test_everything_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        Settings.from_environment({"THROUGHCARE_PORT": "x", "THROUGHCARE_BODY": "1"})
    assert len(caught.value.errors) == 2


@pytest.mark.parametrize("text", ["true", "TRUE", "1", "false", "False", "0"])
def test_a_switch_is_read_in_its_usual_writings(text: str) -> None:
    settings = Settings.from_environment({"THROUGHCARE_ALLOW_ILLUSTRATIVE": text})
    assert settings.allow_illustrative is (text.lower() in {"true", "1"})
