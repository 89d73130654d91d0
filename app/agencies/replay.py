"""What works once: assertions and proofs, remembered for as long as their time lets them in.

A row with a primary key, not a dictionary: all workers see it. It is inserted with ON CONFLICT
DO NOTHING in the transaction of what it lets through, so of many uses at once one succeeds.
"""

from datetime import datetime

from sqlalchemy import Connection, delete

from app.agencies.tables import RevokedToken, UsedAssertion, UsedProof
from app.crypto.possession import Proof
from app.rows import insert_new, table_of

EXPIRING = tuple(table_of(model) for model in (UsedAssertion, UsedProof, RevokedToken))


def use_assertion(
    connection: Connection, *, client_id: str, jti: str, expires_at: datetime
) -> bool:
    """Whether this assertion of a client is used for the first time; from now on it is not."""
    return insert_new(
        connection, UsedAssertion, client_id=client_id, jti=jti, expires_at=expires_at
    )


def use_proof(connection: Connection, proof: Proof) -> bool:
    """Whether this proof is used for the first time; from now on it is not."""
    return insert_new(
        connection,
        UsedProof,
        thumbprint=proof.thumbprint,
        jti=proof.jti,
        expires_at=proof.expires_at,
    )


def purge(connection: Connection, *, at: datetime) -> int:
    """Forget what its time alone refuses by now; how many rows that were."""
    return sum(
        connection.execute(delete(table).where(table.c.expires_at < at)).rowcount
        for table in EXPIRING
    )
