"""Commands of the registry: what they enter, what they refuse, and that each is on record."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from app.access_log.ledger import LOOKUP
from app.administration import designations
from app.administration.deciding_facts import Stated
from app.agencies.registry import AGENCY, CLIENT, COMPETENCE, OFFICER
from app.crypto.json_web_keys import public_jwks
from app.crypto.signing_keys import SigningKey
from app.house import House
from app.main import opened
from app.receiver.configuration import AgencyConfiguration
from tests.administration.parties import caller_of
from tests.cli.command_line import Done, Installation, register, register_client
from tests.cli.conftest import Invoke


def entries(installation: Installation) -> int:
    """How far the log has grown beyond the first activation of a policy."""

    def count(connection: Connection) -> int:
        return (connection.scalar(select(func.count()).select_from(LOOKUP)) or 0) - 1

    with opened(installation.settings) as database:
        return database.read_blocking(count)


def status_of(installation: Installation, table: str) -> list[str]:
    """The status of every row."""
    found = {"agency": AGENCY, "client": CLIENT, "officer": OFFICER}[table]
    with opened(installation.settings) as database:
        return database.read_blocking(lambda c: list(c.scalars(select(found.c.status))))


def bearer_allowed(installation: Installation) -> dict[str, bool]:
    """Which clients may use a token without a proof of possession."""
    allowed = select(CLIENT.c.client_id, CLIENT.c.bearer_allowed)
    with opened(installation.settings) as database:
        return database.read_blocking(
            lambda c: {row.client_id: row.bearer_allowed for row in c.execute(allowed)}
        )


def add_agency(invoke: Invoke, *more: str, agency_id: str = "police-1") -> Done:
    """Register a police station."""
    return invoke(
        "agency", "add", agency_id, "--name", "Police One", "--role", "police_local",
        "--country", "XK", *more,
    )  # fmt: skip


def add_client(invoke: Invoke, jwks: Path, *more: str, purpose: str = "") -> Done:
    """Register its system."""
    return invoke(
        "client", "add", "police-1-a", "--agency", "police-1", "--jwks", str(jwks),
        "--ground", f"{purpose or 'public_protection_local'}=illustrative:police_local", *more,
    )  # fmt: skip


def add_officer(invoke: Invoke, *more: str) -> Done:
    """Register an officer of it."""
    return invoke("officer", "add", "o-1", "--agency", "police-1", "--function", "sergeant", *more)


@pytest.fixture
def registered(installation: Installation, house: House) -> Installation:
    """A police station `police-1` with its officer and its client."""

    def enter(connection: Connection) -> None:
        register(connection, house, "police-1", "police_local")
        keys = public_jwks([SigningKey.generate()])
        register_client(connection, house, "police-1", "police_local", keys)

    with opened(installation.settings) as database:
        database.run_blocking(enter)
    return installation


@pytest.fixture
def jwks(tmp_path: Path) -> Path:
    """The public keys of a client in a file."""
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(public_jwks([SigningKey.generate()])))
    return file


def test_an_agency_a_client_and_an_officer_are_entered_on_record(
    installation: Installation, invoke: Invoke, jwks: Path
) -> None:
    places = ("--municipality", "XK-GJILAN", "--municipality", "XK-VITI", "--standing-acceptance")
    for done in (add_agency(invoke, *places), add_client(invoke, jwks), add_officer(invoke)):
        assert done.code == 0, done.said
    assert entries(installation) == 3

    def rows(connection: Connection) -> tuple[tuple[object, ...], set[str]]:
        row = connection.execute(
            select(AGENCY.c.name, AGENCY.c.role, AGENCY.c.country, AGENCY.c.standing_acceptance)
        ).one()
        return tuple(row), set(connection.scalars(select(COMPETENCE.c.municipality)))

    with opened(installation.settings) as database:
        assert database.read_blocking(rows) == (
            ("Police One", "police_local", "XK", True),
            {"XK-GJILAN", "XK-VITI"},
        )


def test_everything_tells_what_it_did_as_json(invoke: Invoke, jwks: Path) -> None:
    assert add_agency(invoke, "--json").json == {"agency": "police-1", "status": "active"}
    assert add_client(invoke, jwks, "--json").json == {"client": "police-1-a", "status": "active"}
    assert add_officer(invoke, "--json").json == {"officer": "o-1", "status": "active"}


def test_an_identity_provider_is_entered_and_ended_on_record(
    registered: Installation, invoke: Invoke
) -> None:
    issuer = "https://sign-in.example"
    arguments = (
        "agency", "add-identity-provider", issuer, "--agency", "police-1", "--audience", "us",
        "--jwks-uri", f"{issuer}/keys", "--acr", "two-factors", "--json",
    )  # fmt: skip
    assert invoke(*arguments).json == {"identity_provider": issuer, "status": "active"}
    ended = invoke("agency", "revoke-identity-provider", issuer, "--json")
    assert ended.json == {"identity_provider": issuer, "status": "revoked"}
    assert entries(registered) == 5


def test_an_end_is_entered_and_on_record(registered: Installation, invoke: Invoke) -> None:
    client = invoke("client", "revoke", "police-1-1", "--json")
    assert client.json == {"client": "police-1-1", "status": "revoked"}
    officer = invoke("officer", "end", "police-1-officer", "--agency", "police-1", "--json")
    assert officer.json == {"officer": "police-1-officer", "status": "ended"}
    assert status_of(registered, "client") == ["revoked"]
    assert status_of(registered, "officer") == ["revoked"]
    assert entries(registered) == 5


def test_a_mistyped_id_is_told_and_nothing_is_recorded(
    registered: Installation, invoke: Invoke
) -> None:
    for arguments in (
        ("client", "revoke", "police-1-2"),
        ("officer", "end", "o-2", "--agency", "police-1"),
        ("agency", "revoke", "police-2"),
    ):
        done = invoke(*arguments)
        assert done.code == 1
        assert "revoked" not in done.out
    assert entries(registered) == 3
    assert status_of(registered, "client") == ["active"]


def assert_nothing_came(
    installation: Installation, done: Done, expected: str, *, clients: int = 0
) -> None:
    """It was refused in a sentence, and neither a row nor an entry stands."""
    assert done.code == 1, done.said
    assert expected in done.err
    assert "Traceback" not in done.err
    assert len(status_of(installation, "client")) == clients


def test_what_the_registry_does_not_know_is_refused(
    installation: Installation, invoke: Invoke, jwks: Path
) -> None:
    wrong_role = invoke("agency", "add", "x", "--name", "X", "--role", "wizard", "--country", "XK")
    assert_nothing_came(installation, wrong_role, "police_local")
    assert_nothing_came(installation, add_client(invoke, jwks), "no such agency")
    add_agency(invoke)
    assert_nothing_came(
        installation, add_client(invoke, jwks, purpose="employment_support"), "purpose"
    )
    assert add_agency(invoke).code == 1


@pytest.mark.parametrize("content", [b"no JSON", b"[]", b"\xff\xfe", b'{"keys": "planted-secret"}'])
def test_keys_that_cannot_be_used_are_refused_without_showing_them(
    registered: Installation, invoke: Invoke, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "jwks.json"
    file.write_bytes(content)
    done = add_client(invoke, file)
    assert_nothing_came(registered, done, "throughcare: ", clients=1)
    assert "planted-secret" not in done.said


def test_a_private_key_is_refused_where_a_public_one_belongs(
    registered: Installation, invoke: Invoke, tmp_path: Path
) -> None:
    file = tmp_path / "jwks.json"
    jwk = SigningKey.generate().public_jwk()
    file.write_text(json.dumps({"keys": [{**jwk, "d": "planted-secret"}]}))
    done = add_client(invoke, file)
    assert_nothing_came(registered, done, "keys", clients=1)
    assert "planted-secret" not in done.said


def test_a_file_of_keys_that_is_not_there_is_named(invoke: Invoke, tmp_path: Path) -> None:
    done = add_client(invoke, tmp_path / "none.json")
    assert done.code == 1
    assert "none.json" in done.err


def test_an_agency_makes_keys_of_which_only_the_public_ones_are_registered(
    registered: Installation, invoke: Invoke, tmp_path: Path
) -> None:
    folder = tmp_path / "agency"
    arguments = (
        "client", "new", str(folder), "--client-id", "police-1-a",
        "--issuer", "https://exchange.example", "--officer", "o-1",
        "--purpose", "public_protection_local", "--legal-basis", "illustrative:police_local",
    )  # fmt: skip
    done = invoke(*arguments, "--json")
    assert done.code == 0, done.said
    configuration = AgencyConfiguration.from_file(Path(done.json["configuration"]))
    assert configuration.client_id == "police-1-a"
    assert "d" not in json.loads(Path(done.json["jwks"]).read_text())["keys"][0]
    assert add_client(invoke, Path(done.json["jwks"]), "--bearer").code == 0
    assert status_of(registered, "client") == ["active"] * 2
    assert bearer_allowed(registered) == {"police-1-1": False, "police-1-a": True}
    # A second time would end the first one's keys.
    again = invoke(*arguments)
    assert again.code == 1
    assert "Traceback" not in again.err


def test_a_proposed_unit_is_listed_designated_and_ended_on_record(
    registered: Installation, house: House, invoke: Invoke
) -> None:
    at = datetime.now(UTC)
    officer = caller_of("police-1", "police_local", officer="police-1-officer")

    def propose(connection: Connection) -> str:
        proposed = designations.propose(
            connection,
            house,
            officer,
            evidence_sha256="0" * 64,
            expires_on=at.date() + timedelta(days=30),
            at=at,
        )
        assert isinstance(proposed, Stated)
        return proposed.fact_id

    with opened(registered.settings) as database:
        designation = database.run_blocking(propose)
    before = entries(registered)

    listed = invoke("agency", "designations", "--json").json["designations"]
    assert [(one["agency"], one["status"]) for one in listed] == [("police-1", "proposed")]
    assert [one["designation"] for one in listed] == [designation]
    done = invoke("agency", "designate", designation, "--json")
    assert done.json == {"designation": designation, "status": "in-force"}
    done = invoke("agency", "end-designation", designation, "--json")
    assert done.json == {"designation": designation, "status": "ended"}
    assert invoke("agency", "designate", designation).code == 1
    assert entries(registered) == before + 2
