"""Agencies that speak HTTP as they like, and the persons they speak about.

A `Speaker` hands every answer back as it came, refused or not: what an agency's own client
would hide is what these tests look at.
"""

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import httpx
from sqlalchemy import Connection, select

from app.access_log import query
from app.access_log.ledger import read_head
from app.access_log.opened_entry import OpenedEntry
from app.access_log.query import EntryFilter
from app.access_log.tables import AccessLogPending
from app.administration import registry
from app.agencies.registry import REGISTRY_PURPOSE, AgencyRecord, ClientRecord, on_basis
from app.files.catalogue import FIELDS, SECTIONS
from app.house import House
from app.receiver.client import AgencyClient
from app.receiver.new_agency import write_configuration
from app.rows import table_of
from app.tables import METADATA
from tests.world import START, World, sealing_keys

PENDING = table_of(AccessLogPending)
# What a refused request must leave as it was.
FILES_AND_FACTS = (
    "inmate_file",
    "file_section",
    "person_key",
    "reference",
    "case_assignment",
    "consent",
    "deciding_fact",
    "deciding_fact_step",
    "referral_code",
)
RELEASE = (START + timedelta(days=20)).date()
MUNICIPALITY = "XK-GJILAN"
PROBLEM = "application/problem+json"
# On which basis somebody looks after the registry.
OPERATION = "operation-1"

Sections = dict[str, dict[str, Any]]


@dataclass
class Speaker:
    """An agency of the world."""

    world: World = field(repr=False)
    http: httpx.Client = field(repr=False)
    id: str
    role: str
    client: AgencyClient = field(repr=False)

    @property
    def token(self) -> str:
        """An access token that is good now."""
        return self.client._tokens.current()  # noqa: SLF001 - a test looks inside

    def credentials(
        self, method: str = "GET", path: str = "/v1/cases", *, token: str = ""
    ) -> dict[str, str]:
        """The headers of one request: its present token or an older one, with a fresh proof."""
        return self.client._tokens.credentials(  # noqa: SLF001 - a test looks inside
            token or self.token, method=method, address=f"{self.world.settings.issuer}{path}"
        )

    def call(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        **options: Any,  # noqa: ANN401 - as httpx takes them
    ) -> httpx.Response:
        address = f"{self.world.settings.issuer}{path}"
        given = {**self.credentials(method, path), **(headers or {})}
        return self.http.request(method, address, headers=given, **options)

    def get(self, reference: str, **headers: str) -> httpx.Response:
        return self.call("GET", f"/v1/inmate-files/{reference}", headers=_named(headers))

    def put(self, reference: str, sections: object, **headers: str) -> httpx.Response:
        return self.call(
            "PUT",
            f"/v1/inmate-files/{reference}",
            json={"sections": sections},
            headers=_named(headers),
        )

    def patch(
        self, reference: str, section: str, changes: object, **headers: str
    ) -> httpx.Response:
        path = f"/v1/inmate-files/{reference}/sections/{section}"
        return self.call("PATCH", path, json=changes, headers=_named(headers))

    def post(self, path: str, content: object = None) -> httpx.Response:
        return self.call("POST", path, json=content)

    def write(self, reference: str, section: str, changes: object) -> None:
        """Change a section, whatever state the file is in."""
        answer = self.patch(reference, section, changes, if_match="*")
        assert answer.status_code == 200, answer.text


@dataclass
class Exchange:
    """A world with short ways to do what most tests begin with."""

    world: World = field(repr=False)
    http: httpx.Client = field(repr=False)
    _numbers: Any = field(default_factory=count, repr=False)
    _some: dict[str, Speaker] = field(default_factory=dict, repr=False)

    def agency(self, role: str, **options: Any) -> Speaker:  # noqa: ANN401 - as the world takes them
        """A new agency of this role."""
        name = f"{role.replace('_', '-')}-{next(self._numbers)}"
        return Speaker(self.world, self.http, name, role, self.world.agency(name, role, **options))

    def some(self, role: str) -> Speaker:
        """An agency of this role, the same one each time: making one makes keys, which is slow."""
        if role not in self._some:
            self._some[role] = self.agency(role)
        return self._some[role]

    def another_client(self, speaker: Speaker) -> Speaker:
        """A second system of an agency."""
        client = self.world.another_client(speaker.id, speaker.role)
        return Speaker(self.world, self.http, speaker.id, speaker.role, client)

    def registrar(self, agency_id: str, role: str = "") -> Speaker:
        """A client for the registry alone: of a new agency of this role, or of one that is there.

        As the commands of the installation enter it, who alone make an operator.
        """
        world, client_id = self.world, f"{agency_id}-registrar"
        made = write_configuration(
            world.folder / client_id,
            issuer=world.settings.issuer,
            client_id=client_id,
            officer=f"{agency_id}-officer",
            purpose=REGISTRY_PURPOSE,
            legal_basis=OPERATION,
            decryption=next(sealing_keys()),
        )

        def work(connection: Connection) -> None:
            house, at = world.service.house, world.clock()
            if role:
                _enter(connection, house, agency_id, role, at=at)
            client = ClientRecord(
                client_id=client_id,
                agency_id=agency_id,
                jwks=made.jwks,
                grounds=on_basis(OPERATION, REGISTRY_PURPOSE),
            )
            registry.register_client(connection, house, client, at=at)

        world.service.database.run_blocking(work)
        return Speaker(world, self.http, agency_id, role, world.client(made.configuration))

    def person(self, prison: Speaker, sections: Mapping[str, Any] | None = None) -> str:
        """A new file; the prison's reference for it."""
        reference = f"P-{next(self._numbers)}"
        answer = prison.put(reference, sections or {})
        assert answer.status_code == 201, answer.text
        return reference

    def refer(self, prison: Speaker, reference: str, agency: Speaker) -> str:
        """A case that was offered and accepted; the agency's own reference for the person."""
        return self.accepted(prison, reference, agency)["reference"]

    def accepted(self, prison: Speaker, reference: str, agency: Speaker) -> dict[str, str]:
        """The same, with the id of the assignment."""
        offer = {"reference": reference, "agency": agency.id}
        made = prison.post("/v1/case-assignments", offer)
        assert made.status_code == 201, made.text
        path = f"/v1/case-assignments/{made.json()['assignment_id']}/acceptance"
        answer = agency.post(path)
        assert answer.status_code == 200, answer.text
        accepted: dict[str, str] = answer.json()
        return accepted

    def consent(self, prison: Speaker, reference: str, agency: Speaker, *fields: str) -> str:
        """A consent of the person to this agency, as the prison took it; its id."""
        answer = prison.post("/v1/consents", statement(reference, agency, *fields))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["consent_id"])

    def entries(self, **filters: Any) -> list[OpenedEntry]:  # noqa: ANN401 - those of EntryFilter
        """The log as it stands once everything recorded so far has its place."""
        house, database = self.world.service.house, self.world.service.database
        while database.read_blocking(lambda c: c.scalar(select(PENDING.c.position).limit(1))):
            time.sleep(0.01)
        return database.read_blocking(
            lambda c: query.entries(
                c,
                EntryFilter(**filters),
                keys=house.log_keys(),
                limit=100_000,
                tree_size=read_head(c).size,
            )
        )

    def stored(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of the files and facts."""
        tables = [METADATA.tables[name] for name in FILES_AND_FACTS]
        return self.world.service.database.read_blocking(
            lambda c: {
                table.name: sorted((tuple(row) for row in c.execute(select(table))), key=repr)
                for table in tables
            }
        )


def _enter(
    connection: Connection, house: House, agency_id: str, role: str, *, at: datetime
) -> None:
    """An agency with one officer."""
    agency = AgencyRecord(
        agency_id=agency_id, name=agency_id, role=role, country="XK", municipalities=frozenset()
    )
    registry.register_agency(connection, house, agency, at=at)
    registry.register_officer(
        connection,
        house,
        agency_id=agency_id,
        officer_id=f"{agency_id}-officer",
        function="registrar",
        at=at,
    )


@contextmanager
def exchange_in(world: World) -> Iterator[Exchange]:
    """An exchange with connections of its own; none is kept, so that each call stands alone."""
    limits = httpx.Limits(max_keepalive_connections=0)
    with httpx.Client(trust_env=False, timeout=20, limits=limits) as http:
        yield Exchange(world, http)


def statement(
    reference: str,
    agency: Speaker,
    *fields: str,
    **changed: object,
) -> dict[str, Any]:
    """A consent as it is posted."""
    return {
        "reference": reference,
        "recipient_agency": agency.id,
        "purpose": "employment_support",
        "fields": list(fields),
        "text_version": "2027-1",
        "evidence_sha256": "0" * 64,
        "expires_on": (RELEASE + timedelta(days=30)).isoformat(),
        **changed,
    }


# Made-up values of these would decide who is told what.
EVENTS = frozenset({"actual_release_datetime", "temporary_leave_window"})


def section(name: str, seed: int = 0) -> dict[str, Any]:
    """A section with a made-up value in every field; texts have a summary of their own."""
    random = Random(f"{seed} {name}")  # noqa: S311 - made-up values, the same in every run
    return {
        one: envelope(f"{name}.{one}", random) for one in SECTIONS[name].fields if one not in EVENTS
    }


def envelope(path: str, random: Random) -> dict[str, Any]:
    made = FIELDS[path]
    submitted = {"value": made.kind.sample(random)}
    if made.kind.authored_summary:
        submitted["summary"] = f"What may be told of {path}."
    return submitted


def sections_of(role: str, seed: int = 0, *, release: date = RELEASE) -> Sections:
    """All sections that a role owns, in full: released soon, to the municipality of the tests."""
    made = {name: section(name, seed) for name, one in SECTIONS.items() if one.owner_role == role}
    if "release" in made:
        made["release"]["planned_release_date"] = {"value": release.isoformat()}
    if "residence_contact" in made:
        made["residence_contact"]["return_municipality_code"] = {"value": MUNICIPALITY}
    if "sentence" in made:
        made["sentence"]["legal_status"] = {"value": "sentenced"}
    return made


def without_convictions(sections: Sections) -> Sections:
    """Without what may be recorded of sentenced persons alone."""
    risk = {"extremism_status": "veto_status", "risk_assessment": "risk_level_ve"}
    return {
        name: {one: value for one, value in fields.items() if one != risk.get(name)}
        for name, fields in sections.items()
    }


def is_problem(answer: httpx.Response, status: int, slug: str) -> None:
    """It is the problem document (RFC 9457) of this kind, and says so in every way."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == PROBLEM
    assert answer.headers["cache-control"] == "no-store"
    document = answer.json()
    assert document["type"] == f"urn:throughcare:problem:{slug}"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"]


def without_date(answer: httpx.Response) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
    """All that tells one answer from another, but the time of day."""
    headers = [(name, value) for name, value in answer.headers.raw if name.lower() != b"date"]
    return answer.status_code, headers, answer.content


def texts_in(value: object) -> str:
    """A JSON value as one text, to look for planted words in."""
    return json.dumps(value, ensure_ascii=False, default=_as_text)


def _as_text(value: object) -> str:
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} in a JSON value")


def _named(headers: Mapping[str, str]) -> dict[str, str]:
    """`if_match` is the header `If-Match`."""
    return {name.replace("_", "-"): value for name, value in headers.items()}
