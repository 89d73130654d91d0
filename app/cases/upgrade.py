"""Codes for the rows that decided before rows had one (revision 0003). Run once, by `init`."""

from sqlalchemy import Connection, select, update

from app.cases import assignments, consents
from app.cases.assignments import ASSIGNMENT
from app.cases.consents import CONSENT
from app.cases.fact import code_of
from app.crypto.key_ring import KeyRing


def authenticate_rows(connection: Connection, *, ring: KeyRing) -> None:
    """Write the code of every assignment and consent, taking each for what it says now."""
    for table, key, fact_of in (
        (ASSIGNMENT, ASSIGNMENT.c.assignment_id, assignments.fact_of),
        (CONSENT, CONSENT.c.consent_id, consents.fact_of),
    ):
        for row in connection.execute(select(table)).all():
            fact = fact_of(row)
            code = {"authentication_code": code_of(ring, fact)}
            connection.execute(update(table).where(key == fact.fact_id).values(**code))
