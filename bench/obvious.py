"""The obvious build of the recorded read, as one would write it first.

    python -m bench.obvious

A plain route in the thread pool, a SQLModel session for each request, the token decoded by
python-jose each time, a row and a commit for each read. It decides by the same compiled bundle and
opens the same sealed sections. Where it is simpler than ours it stays so: its log is a table
without proofs, receipts or sealed parts, and nothing is padded. The settings are the service's.
"""

import hashlib
import sqlite3
from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import uvicorn
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from fastapi import FastAPI, Header, HTTPException, Response
from jose import JWTError, jwt
from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlmodel import JSON, Column, Field, Session, SQLModel, select

from app.agencies.tables import (
    Agency,
    AgencyMunicipality,
    Client,
    ClientGround,
    Officer,
    RevokedToken,
)
from app.agencies.tokens import Caller
from app.cases.tables import Reference
from app.crypto.at_rest import blind_index
from app.crypto.key_ring import KeyRing
from app.disclosure.disclose import decide_file
from app.disclosure.project import released_paths
from app.files.store import StoredFile, key_context
from app.files.tables import FileSection, InmateFile, PersonKey
from app.house import House
from app.main import make_house
from app.settings import Settings

WRAPPED = b"wrapped data key\x00"
NONCE = 12


class ReadEntry(SQLModel, table=True):
    """A read that was answered."""

    __tablename__ = "obvious_read"
    entry_id: int | None = Field(default=None, primary_key=True)
    at: datetime
    agency_id: str
    client_id: str
    officer_id: str
    purpose: str
    person_id: str
    released: list[Any] = Field(sa_column=Column(JSON))
    sha256: str


def make_engine(url: str) -> Engine:
    """An engine as durable as the service's."""
    engine = create_engine(url)
    if make_url(url).get_backend_name() == "sqlite":

        def prepare(connection: sqlite3.Connection, _record: object) -> None:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute("PRAGMA busy_timeout=30000")

        event.listen(engine, "connect", prepare)
    return engine


def caller_of(session: Session, claims: dict[str, Any]) -> Caller:
    """Who calls, if all that the token names still stands."""
    details = claims["authorization_details"][0]
    client = session.get(Client, claims["client_id"])
    agency = session.get(Agency, client.agency_id) if client else None
    officer = session.get(Officer, (agency.agency_id, details["officer"])) if agency else None
    ground = session.exec(
        select(ClientGround).where(
            ClientGround.client_id == claims["client_id"],
            ClientGround.purpose == details["purpose"],
            ClientGround.legal_basis == details["legal_basis"],
        )
    ).first()
    revoked = session.get(RevokedToken, claims["jti"])
    parts = (client, agency, officer)
    if revoked or not ground or any(one is None or one.status != "active" for one in parts):
        raise HTTPException(401)
    assert client and agency and officer  # noqa: S101, PT018 - looked at above
    places = session.exec(
        select(AgencyMunicipality).where(AgencyMunicipality.agency_id == agency.agency_id)
    )
    return Caller(
        agency_id=agency.agency_id,
        agency_name=agency.name,
        role=agency.role,
        country=agency.country,
        municipalities=frozenset(one.municipality for one in places),
        client_id=client.client_id,
        officer_id=officer.officer_id,
        officer_function=officer.function,
        assurance="asserted",
        purpose=details["purpose"],
        legal_basis=details["legal_basis"],
        case=None,
        token_id=claims["jti"],
        fallback=agency.fallback,
    )


def file_of(session: Session, ring: KeyRing, person_id: str) -> StoredFile:
    """The whole file, opened."""
    file = session.get(InmateFile, person_id)
    key = session.get(PersonKey, person_id)
    assert file and key  # noqa: S101, PT018 - a reference names a person with a file
    wrapped, context = key.wrapped_key, WRAPPED + key_context(file.custodian, person_id)
    outer = AESGCM(ring.key_encryption.keys[key.key_encryption_key_id])
    cipher = AESGCM(outer.decrypt(wrapped[:NONCE], wrapped[NONCE:], context))
    sections = {}
    for row in session.exec(select(FileSection).where(FileSection.person_id == person_id)):
        place = f"section\0{person_id}\0{row.section}\0{row.version}".encode()
        content = orjson.loads(cipher.decrypt(row.sealed[:NONCE], row.sealed[NONCE:], place))
        if content:
            sections[row.section] = content
    return StoredFile(
        person_id=person_id, custodian=file.custodian, version=file.version, sections=sections
    )


def make_app(settings: Settings, house: House) -> FastAPI:
    """The application."""
    app, engine, ring = FastAPI(), make_engine(settings.database_url), house.ring
    SQLModel.metadata.tables[str(ReadEntry.__tablename__)].create(engine, checkfirst=True)
    key = ring.token_signing.verifying_key.public_jwk()

    @app.get("/v1/inmate-files/{reference}")
    def read(reference: str, authorization: Annotated[str, Header()]) -> Response:
        try:
            claims = jwt.decode(
                authorization.removeprefix("Bearer "),
                key,
                algorithms=["ES256"],
                audience=settings.issuer,
                issuer=settings.issuer,
            )
        except JWTError as error:
            raise HTTPException(401) from error
        at = datetime.now(UTC)
        with Session(engine) as session:
            caller = caller_of(session, claims)
            index = blind_index(ring.blind_index, "reference", caller.agency_id, reference)
            known = session.get(Reference, (caller.agency_id, index))
            if known is None:
                raise HTTPException(404)
            file = file_of(session, ring, known.person_id)
            decided = decide_file(
                session.connection(), house, caller, known.person_id, at=at, file=file
            )
            answer = {
                "reference": reference,
                "purpose": caller.purpose,
                "legal_basis": caller.legal_basis,
                "policy": house.bundle.digest,
                "released": decided.projection.released,
                "withheld": decided.projection.withheld,
            }
            content = orjson.dumps(answer)
            session.add(
                ReadEntry(
                    at=at,
                    agency_id=caller.agency_id,
                    client_id=caller.client_id,
                    officer_id=caller.officer_id,
                    purpose=caller.purpose,
                    person_id=file.person_id,
                    released=list(released_paths(decided.projection)),
                    sha256=hashlib.sha256(content).hexdigest(),
                )
            )
            session.commit()
        return Response(content, media_type="application/json")

    return app


if __name__ == "__main__":
    ours = Settings.from_environment()
    uvicorn.run(
        make_app(ours, make_house(ours, at=datetime.now(UTC))),
        port=ours.port,
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
