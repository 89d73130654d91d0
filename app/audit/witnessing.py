"""Asking the witnesses of the agreement to cosign the newest checkpoint (C2SP tlog-witness).

Beside the sequencer, never in its way: what is recorded is signed and published whether a witness
answers or not. A quorum that is missing for too long, and a witness that says it knows another
history, are said in the service's log, and once each in the access log.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache

import httpx
from sqlalchemy import Connection

from app.access_log import checkpoints, tiles, witnesses
from app.access_log.add_checkpoint import PATH, SIZE_TYPE, AddCheckpoint
from app.access_log.checkpoint import DECIMAL
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.cosignature import Witness, cosignatures
from app.access_log.note import NoteRefused, split_note
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.witnesses import Heard, NamedWitness, QuorumState, Standing, Witnesses
from app.agencies.tokens import installation
from app.database import Database
from app.house import Act, House, record
from app.rounds import repeat

# Who holds this number asks; two at once would be told of each other's checkpoints as conflicts.
TASK = 0x5749_544E_4553_5353  # "WITNESSS"
# For one witness and one checkpoint, from resolving its name to the last byte.
ASK_SECONDS = 5.0
# While the log does not grow, whoever was silent is asked again after this time.
ASK_AGAIN = timedelta(seconds=30)
# Of an answer nothing longer is read: lines of one witness, or a number.
ANSWER_BYTES = 65_536
LARGEST_SIZE = 2**63 - 1
# The first request may rest on an old memory of what the witness holds; the second does not.
ATTEMPTS = 2

OK, CONFLICT, UNPROCESSABLE = 200, 409, 422

# The job as the log names it: it acts on nobody's behalf. `case` names the witness.
WITNESSING = installation(
    "exchange",
    "this installation",
    client_id="sequencer",
    officer="sequencer",
    purpose="witnessing",
)

log = logging.getLogger("throughcare.witnesses")


class Unanswered(Exception):
    """No answer of use came. The message is for the operator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessing:
    """What asking needs. `interval` in seconds lies between two looks for a new checkpoint."""

    database: Database
    house: Callable[[], House]
    witnesses: Witnesses
    clock: Callable[[], datetime]
    interval: float
    # The size that each was asked about last, and when.
    _asked: dict[Witness, tuple[int, datetime]] = field(default_factory=dict)

    async def run(self, stop: asyncio.Event) -> None:
        """Work until asked to stop."""
        # Whatever it was: the next checkpoint needs its witnesses, too.
        await repeat(
            self.round,
            stop,
            interval=self.interval,
            log=log,
            failed="the witnesses could not be asked",
        )

    async def round(self) -> None:
        """Ask whoever has not signed the newest checkpoint, and judge what came of it."""
        await asyncio.to_thread(self._take_turn)

    def _take_turn(self) -> None:
        with self.database.alone(TASK) as alone:
            if not alone:
                return
            signed = self.database.read_blocking(checkpoints.latest)
            if signed is None:
                return
            asked = self._to_ask(signed)
            heard = asyncio.run(self._ask_all(asked, signed)) if asked else []
            # Most rounds bring nothing, and a writer is not bothered with them.
            if bool(asked) or self.database.read_blocking(self._has_news):
                self.database.run_blocking(lambda c: self._keep(c, signed, heard))

    def _to_ask(self, signed: SignedCheckpoint) -> list[NamedWitness]:
        now, size = self.clock(), signed.checkpoint.size
        found = []
        for one in witnesses.unsigned(signed.note, self.witnesses):
            before, at = self._asked.get(one.key, (None, now))
            if before != size or now - at >= ASK_AGAIN:
                self._asked[one.key] = (size, now)
                found.append(one)
        return found

    async def _ask_all(self, asked: list[NamedWitness], signed: SignedCheckpoint) -> list[Heard]:
        # Nothing of the environment is read and no redirect followed: the agreement says where.
        async with httpx.AsyncClient(
            trust_env=False, follow_redirects=False, verify=_tls(), timeout=ASK_SECONDS
        ) as http:
            return await asyncio.gather(*(self._ask(http, one, signed) for one in asked))

    async def _ask(
        self, http: httpx.AsyncClient, one: NamedWitness, signed: SignedCheckpoint
    ) -> Heard:
        known = self.database.read_blocking(lambda c: witnesses.known_size(c, one.key))
        silent = Heard(one.key, Standing.SILENT, known)
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._negotiate(http, one, signed, known)
        except TimeoutError:
            return replace(silent, reason="no answer in time")
        except Unanswered as error:
            return replace(silent, reason=str(error))
        except Exception as error:  # noqa: BLE001 - what a witness answers must not silence the others
            return replace(silent, reason=f"not reached: {type(error).__name__}")

    async def _negotiate(
        self, http: httpx.AsyncClient, one: NamedWitness, signed: SignedCheckpoint, known: int
    ) -> Heard:
        """Ask, and once more from the size that the witness says it holds."""
        size = signed.checkpoint.size
        for _ in range(ATTEMPTS):
            old = min(known, size)
            status, kind, body = await _post(http, one.url, self._request(signed, old))
            if status == OK:
                return Heard(one.key, Standing.COSIGNED, size, line=_line(one.key, signed, body))
            refused = Heard(one.key, Standing.REFUSED, known)
            if status == UNPROCESSABLE:
                return replace(refused, reason=f"our proof from {old} does not fit what it holds")
            if status != CONFLICT or kind != SIZE_TYPE:
                raise Unanswered(f"answered {status}")
            known = _size(body)
            if known == old:
                return replace(refused, size=known, reason=f"it holds another root for {known}")
            # Anybody may bring it a newer checkpoint of ours than that which we ask about.
            if known > self._newest_size():
                return replace(refused, size=known, reason=f"it holds {known} entries, we {size}")
            if known > size:
                break
        raise Unanswered("it was told of other checkpoints meanwhile")

    def _request(self, signed: SignedCheckpoint, old: int) -> bytes:
        size = signed.checkpoint.size
        proof = self.database.read_blocking(lambda c: tiles.consistency_proof(c, old, size))
        return AddCheckpoint(old_size=old, proof=proof, note=signed.note).to_bytes()

    def _newest_size(self) -> int:
        newest = self.database.read_blocking(checkpoints.latest)
        return 0 if newest is None else newest.checkpoint.size

    def _keep(self, connection: Connection, signed: SignedCheckpoint, heard: list[Heard]) -> None:
        at, house = self.clock(), self.house()
        size = signed.checkpoint.size
        witnesses.add_lines(connection, size, [one.line for one in heard if one.line])
        for one in heard:
            if witnesses.note_heard(connection, one, at=at):
                _say_standing(connection, house, one, size, at=at)
        before = witnesses.quorum_state(connection)
        state = witnesses.judge_quorum(connection, self.witnesses, at=at)
        witnesses.keep_quorum(connection, state)
        if state.missing is not (before is not None and before.missing):
            _say_quorum(connection, house, self.witnesses, state, at=at)

    def _has_news(self, connection: Connection) -> bool:
        state = witnesses.judge_quorum(connection, self.witnesses, at=self.clock())
        return state != witnesses.quorum_state(connection)


def _say_standing(
    connection: Connection, house: House, heard: Heard, size: int, *, at: datetime
) -> None:
    """A witness stands otherwise than before; a conflict is on record."""
    name = heard.witness.name
    if heard.standing is Standing.COSIGNED:
        log.info("the witness %s cosigns", name)
        return
    if heard.standing is Standing.SILENT:
        log.warning("the witness %s does not cosign: %s", name, heard.reason)
        return
    log.critical(
        "THE WITNESS %s SAYS THAT IT KNOWS ANOTHER HISTORY OF THIS LOG: %s", name, heard.reason
    )
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.AUDIT,
        outcome=Outcome.REFUSED,
        fields={
            "alarm": "witness-refused",
            "witness": heard.witness.to_vkey(),
            "size": size,
            "its_size": heard.size,
        },
    )
    record(connection, house, replace(WITNESSING, case=name), act, at=at)


def _say_quorum(
    connection: Connection, house: House, agreed: Witnesses, state: QuorumState, *, at: datetime
) -> None:
    """The quorum is missing, or met again."""
    if state.missing:
        log.error("the log is published without its quorum of %d witnesses", agreed.quorum)
    else:
        log.warning("a quorum of witnesses signs again, up to %d", state.size)
    act = Act(
        operation=Operation.KEY_EVENT,
        channel=Channel.AUDIT,
        outcome=Outcome.FAILED if state.missing else Outcome.RECORDED,
        fields={
            "alarm": "quorum-missing" if state.missing else "quorum-met",
            "quorum": agreed.quorum,
            "witnesses": [one.to_vkey() for one in agreed.keys],
            "size": state.size,
        },
    )
    record(connection, house, WITNESSING, act, at=at)


async def _post(http: httpx.AsyncClient, url: str, body: bytes) -> tuple[int, str, str]:
    """Status, media type and body of an answer; Unanswered for one that is too long."""
    headers = {"Accept-Encoding": "identity", "Content-Type": "text/plain; charset=utf-8"}
    address = f"{url.rstrip('/')}{PATH}"
    async with http.stream("POST", address, content=body, headers=headers) as answer:
        content = bytearray()
        async for piece in answer.aiter_raw():
            content += piece
            if len(content) > ANSWER_BYTES:
                raise Unanswered("answered more than a witness has to say")
        kind = answer.headers.get("content-type", "").partition(";")[0].strip()
        return answer.status_code, kind, content.decode(errors="replace")


def _line(witness: Witness, signed: SignedCheckpoint, answer: str) -> str:
    """The line of this witness in its answer, checked. Lines of others are left out."""
    text, _ = split_note(signed.note)
    note = f"{text}\n{answer}"
    try:
        # A blank line in it would make the rest of it text that was cosigned with ours.
        if split_note(note)[0] != text:
            raise Unanswered("answered more than lines")
        found = cosignatures(note, [witness])
    except NoteRefused as error:
        raise Unanswered(f"its cosignature is none: {error}") from None
    if not found:
        raise Unanswered("its answer bears no cosignature of the key of the agreement")
    return found[0].line


def _size(answer: str) -> int:
    """The size that a witness holds, from the answer to a conflict."""
    number = answer.removesuffix("\n")
    # No database holds a larger one: what is heard of the other witnesses would not be kept.
    if not DECIMAL.fullmatch(number) or int(number) > LARGEST_SIZE:
        raise Unanswered("answered a conflict without the size that it holds")
    return int(number)


@cache
def _tls() -> ssl.SSLContext:
    """How witnesses are authenticated. Made once: that costs 21 ms."""
    return ssl.create_default_context()
