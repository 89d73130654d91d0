"""The key of the access log over time, each step on record.

For as long as one key takes over from another, both sign: agencies take up the new one when they
can, and nothing is refused meanwhile.
"""

from datetime import datetime

from sqlalchemy import Connection

from app.access_log.checkpoint import open_checkpoint
from app.access_log.note import NoteRefused, Verifier
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.administration.registry import OPERATOR
from app.house import Act, House, record
from app.problems import Conflict


def check_known(house: House, note: str | None) -> None:
    """Conflict unless the newest checkpoint is signed by the key that is about to take over.

    So the service was started again since it was made, and nobody is left with the old key alone.
    """
    following = house.ring.log_signing.successor
    if following is None:
        return
    try:
        open_checkpoint(note or "", [Verifier.of(house.log_origin, following)])
    except NoteRefused:
        raise Conflict(
            "the next key of the log has signed nothing yet: start the service again, let it "
            "sign, and give the agencies time to take the key up"
        ) from None


def record_rotation(connection: Connection, house: House, status: str, *, at: datetime) -> None:
    """Write the entry of a step. The keys that sign are named as verifiers know them."""
    keys = [Verifier.of(house.log_origin, key).to_vkey() for key in house.ring.log_signing.at_work]
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.ADMINISTRATION,
        outcome=Outcome.RECORDED,
        fields={"fact": "log-key", "id": keys[-1], "status": status, "signing": keys},
    )
    record(connection, house, OPERATOR, act, at=at)
