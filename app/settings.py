"""Settings: one frozen value, read from `THROUGHCARE_*` variables. Secrets come as file paths.

Each field's comment is its documentation.
"""

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Self

from app.problems import FieldError, InvalidInput

PREFIX = "THROUGHCARE_"
# Variables that are no settings: they belong to the demo and to the tests.
OTHERS = (f"{PREFIX}DEMO_", f"{PREFIX}TEST_")
LARGEST_PORT = 65_535
# A year: what is longer is a slip, and beyond what a timer takes.
LONGEST_SECONDS = 31_536_000
# Of the times, those that may be none at all.
MAY_BE_NONE = frozenset({"turn_away_seconds"})
# One that holds a lock needs another one to work with.
SMALLEST: Mapping[str, int] = MappingProxyType({"database_connections": 4})
# Which decisions are held against the reference engine.
Mode = Literal["always", "sampled", "off"]
# What a text must look like: pattern, and what to say of another one.
SHAPES: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        # In memory every thread would have a database of its own.
        "database_url": (
            r"sqlite:///(?!:memory:).+|postgresql(\+psycopg)?://.+",
            "sqlite:///FILE or postgresql+psycopg://...",
        ),
        # Compared character by character, and paths are put behind it.
        "issuer": (r"https?://[^\s?#]*[^\s?#/]", "an http address without a slash at the end"),
        # A key name of signed notes: verifiers cut their lines at spaces and pluses.
        "log_origin": (r"[^\s+]+", "a name without spaces and without +"),
        "cross_check": (r"always|sampled|off", "always, sampled or off"),
        "delivery_hosts": (r"\.?[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*", "names of hosts, by commas"),
        "delivery_networks": (r"public|[0-9A-Fa-f.:]+/\d+", "public, or networks, by commas"),
        # Asked at the address that is named, so the loopback address alone may go without TLS.
        "witnesses": (
            r"\S+ (https://[^\s@]+|http://(127\.0\.0\.1|localhost|\[::1\])([:/][^\s@]*)?)",
            "by commas: a key (vkey), a space, and an address with https:// or on loopback",
        ),
        "profile": (r"\w+", "the name of a folder below the policies"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How this installation runs. Every field can be set as `THROUGHCARE_<NAME>`."""

    # SQLAlchemy URL: `sqlite:///FILE`, or `postgresql+psycopg://...` for more than one machine.
    database_url: str = "sqlite:///throughcare.db"
    # Connections of each process to a PostgreSQL server, at most; one more hears what others ring
    # for. Each worker of `serve` is a process: all together stay below the server's own limit.
    database_connections: int = 16
    # Start on a database that may lose commits, over a way that is open to others, or as a user
    # who may do more than the service needs: for tests and trials on data that nobody needs. Said
    # loudly at every start. An entry that is lost was a disclosure that nobody can prove.
    allow_unsafe_database: bool = False
    # Folder of the key files, readable by the service's user alone. `throughcare init` makes it.
    key_directory: Path = Path("keys")
    # The last signed checkpoint of the access log, kept outside the database on purpose.
    checkpoint_file: Path = Path("checkpoint")
    # The policy bundle: base/, agreements.toml, and a folder for each country.
    policies_directory: Path = Path("policies")
    # Country profile: lead times, holidays, legal time zone (a folder below the policies).
    profile: str = "xk"
    # Public base address: issuer of tokens and of notifications, and their audience.
    issuer: str = "http://127.0.0.1:8000"
    # Name of this access log in its checkpoints (C2SP: a schema-less URL).
    log_origin: str = "throughcare.example/access-log"
    # The witnesses of the agreement between the agencies, by commas: key (vkey), space, address.
    witnesses: tuple[str, ...] = ()
    # How many of them must cosign a checkpoint: more than half, or each half could be shown a
    # history of its own. A checkpoint that fewer signed is published, and flagged.
    witness_quorum: int = 1
    # Where `serve` listens.
    host: str = "127.0.0.1"
    port: int = 8000
    # Seconds for which a service that was asked to stop still takes requests, while /health/ready
    # says that it is not ready: so long a load balancer may take to turn away.
    turn_away_seconds: float = 0.0
    # Where each process tells its measures to operators (docs/operation.md), at the first free port
    # from this one on; nowhere if it is None. Never to be reached from outside.
    metrics_port: int | None = None
    metrics_host: str = "127.0.0.1"
    # Send traces as the variables of OpenTelemetry say (OTEL_*); needs the extra `tracing`.
    tracing: bool = False
    # Bytes of one request body; an import is read line by line, each line held to this.
    body_limit: int = 1_048_576
    # Bytes of a whole import.
    import_limit: int = 268_435_456
    # Bytes of a full snapshot, which is judged as a whole.
    snapshot_limit: int = 67_108_864
    # Requests that one client may make for one officer in a minute, and at once. Each worker of
    # `serve` counts by itself: where there are several a client may come to so many times that.
    requests_per_minute: int = 1_200
    requests_at_once: int = 200
    # Seconds to wait for each part of a request's body.
    body_seconds: float = 20.0
    # Legal bases without a citation by a national lawyer load only with this.
    allow_illustrative: bool = False
    # Which decisions are held against the reference engine: always, sampled or off.
    cross_check: Mode = "always"
    # Facts that only an officer in person may state need one whom the agency's identity provider
    # has proven. Off until there is a provider: then the client's word for its officer is taken.
    require_proven_officers: bool = False
    # Deliver to http:// on the loopback address: for trying out on one machine, nothing else.
    allow_loopback_delivery: bool = False
    # The only hosts that notices are sent to, by commas; all if there are none. One that begins
    # with a dot stands for every name below it: `.gov.example`.
    delivery_hosts: tuple[str, ...] = ()
    # Where the addresses of those hosts may lie, by commas: `public`, and networks. One of private
    # use is reached only if it is named: `public,10.20.0.0/16`.
    delivery_networks: tuple[str, ...] = ("public",)
    # Whether `serve` dispatches and sequences by itself. False where `throughcare dispatch` and
    # `throughcare sequence` run beside it, on PostgreSQL; on SQLite one process does all.
    embed_workers: bool = True
    # Seconds between two looks of the dispatcher at what is due.
    dispatch_interval: float = 1.0
    # Seconds, at least, between two signed checkpoints while the log grows.
    checkpoint_interval: float = 1.0
    # Rules of alerts on misuse (docs/alerts.md); without it those that come with the product.
    alert_rules: Path | None = None
    # Seconds between two looks for misuse in the access log.
    alert_interval: float = 60.0
    # Wait before the second attempt of a delivery; it doubles from there, with jitter.
    retry_base_seconds: float = 30.0
    # Seconds between two heartbeats to a subscriber: so long may it take to notice a gap.
    heartbeat_seconds: float = 3_600.0
    # Seconds for which a poll of the inbox waits for something, at most; proxies cut longer ones.
    inbox_wait_seconds: float = 25.0
    # Rows of an export of the access log that are written at once; more become a job.
    export_rows_at_once: int = 10_000
    # Days after a release for which a file is kept. National law decides; support ends at 180.
    retention_days: int = 365
    # A file with an RFC 3339 time that stands for now. For rehearsals and tests only.
    clock_file: Path | None = None

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self:
        """Read every field; an unknown `THROUGHCARE_` variable or a bad value is an error.

        `THROUGHCARE_DEMO_*` and `THROUGHCARE_TEST_*` belong to the demo and the tests.
        """
        known = {f"{PREFIX}{field.name.upper()}": field for field in fields(cls)}
        values: dict[str, object] = {}
        findings: list[FieldError] = []
        for variable, text in environment.items():
            if not variable.startswith(PREFIX) or variable.startswith(OTHERS):
                continue
            try:
                field = known[variable]
                values[field.name] = _parse(field.name, str(field.type), text)
            except KeyError:
                findings.append(FieldError(variable, "no such setting"))
            except ValueError as error:
                findings.append(FieldError(variable, str(error)))
        if findings:
            listed = "; ".join(f"{finding.pointer}: {finding.message}" for finding in findings)
            raise InvalidInput(f"settings: {listed}", errors=tuple(findings))
        return cls(**values)  # type: ignore[arg-type]  # each value was parsed by its field's own type


def _parse(name: str, kind: str, text: str) -> object:
    """The value of a setting from its text, by the name of the field's type.

    ValueError says what was expected and never repeats the text: a URL may hold a password.
    """
    if "bool" in kind:
        return _parse_bool(text)
    if "int" in kind:
        most = LARGEST_PORT if name.endswith("port") else math.inf
        return _parse_number(text, int, least=SMALLEST.get(name, 1), most=most)
    if "float" in kind:
        if name in MAY_BE_NONE and re.fullmatch(r"0(\.0*)?", text):
            return 0.0
        return _parse_number(text, float, most=LONGEST_SECONDS)
    if "tuple" in kind:
        return _parse_list(name, text)
    pattern, expected = SHAPES.get(name, (r".*\S.*", "a value that is not empty"))
    if not re.fullmatch(pattern, text):
        raise ValueError(f"expected {expected}")
    return Path(text) if "Path" in kind else text


def _parse_list(name: str, text: str) -> tuple[str, ...]:
    """The values between the commas."""
    pattern, expected = SHAPES[name]
    values = tuple(one.strip() for one in text.split(","))
    if not all(re.fullmatch(pattern, one) for one in values):
        raise ValueError(f"expected {expected}")
    return values


def _parse_bool(text: str) -> bool:
    try:
        return {"true": True, "1": True, "false": False, "0": False}[text.lower()]
    except KeyError:
        raise ValueError("expected true or false") from None


def _parse_number(
    text: str, kind: type[int] | type[float], *, least: int = 0, most: float = math.inf
) -> float:
    """A size, a port or a time: each is more than nothing, and finite."""
    try:
        number = kind(text)
    except ValueError:
        raise ValueError("expected a number") from None
    # Not a number fails every comparison.
    if not 0 < number <= most or number < least or number == math.inf:
        bound = "" if most == math.inf else f" and at most {most}"
        raise ValueError(f"expected a number above {max(least - 1, 0)}{bound}")
    return number
