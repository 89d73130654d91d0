"""The log asks its witnesses: their lines are published, and what is missing is flagged once."""

import asyncio
import logging
import secrets
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import Connection
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from app.access_log import checkpoints, witnesses
from app.access_log.add_checkpoint import SIZE_TYPE, AddCheckpoint
from app.access_log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from app.access_log.cosignature import QuorumMissing, Witness, cosign, require_quorum
from app.access_log.merkle import leaf_hash, root
from app.access_log.note import Verifier
from app.access_log.opened_entry import LOOKUP, EntryOpener, rows_query
from app.access_log.vocabulary import Channel, Operation, Outcome
from app.access_log.witnesses import NamedWitness, QuorumState, Standing, Witnesses
from app.audit import witnessing as witnessing_module
from app.audit.sequencer import Sequencer
from app.audit.witnessing import Witnessing
from app.crypto.log_signing import LogSigningKey
from app.database import Database
from app.house import Act, House, record
from app.witness import program
from app.witness.cosigner import Cosigner
from app.witness.server import make_app
from tests.administration.parties import plain_house
from tests.keys import RING
from tests.receiver.service_stand_in import served, wait_until
from tests.world import START as AT
from tests.world import Clock
from throughcare_receiver.note import LogKey
from throughcare_receiver.note import open_checkpoint as open_as_receiver

KEY = RING.log_signing
# Each test has a log of its own: what the witnesses remember lasts for the module.
ORIGINS = [f"log-{number}.example" for number in range(40)]
FRESH = count()


@dataclass(frozen=True)
class Running:
    """A witness that serves."""

    cosigner: Cosigner
    url: str

    @property
    def named(self) -> NamedWitness:
        """As the agreement names it."""
        return NamedWitness(self.cosigner.witness, self.url)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Running]]:
    """Two witnesses of all logs of this module."""
    logs = [Verifier.of(origin, KEY) for origin in ORIGINS]
    folders = [tmp_path_factory.mktemp(name) / name for name in ("w1", "w2")]
    for folder in folders:
        program.create(folder, folder.name, random=secrets.token_bytes)
    with (
        program.opened(folders[0], logs, clock=lambda: AT) as first,
        program.opened(folders[1], logs, clock=lambda: AT) as second,
        served(make_app(first)) as first_url,
        served(make_app(second)) as second_url,
    ):
        yield Running(first, first_url), Running(second, second_url)


@dataclass
class Scene:
    """A log, its sequencer, and what asks the witnesses; time passes when it is told to."""

    database: Database
    house: House
    sequencer: Sequencer
    witnessing: Witnessing
    clock: Clock

    def grow(self, entries: int = 1) -> None:
        """Record something, and sign it."""
        act = Act(operation=Operation.LOG_READ, channel=Channel.AUDIT, outcome=Outcome.RELEASED)

        def work(connection: Connection) -> None:
            record(connection, self.house, witnessing_module.WITNESSING, act, at=self.clock())

        for _ in range(entries):
            self.database.run_blocking(work)
        self.sign()

    def sign(self) -> None:
        """A round of the sequencer."""
        asyncio.run(self.sequencer.round())

    def ask(self, *named: NamedWitness, quorum: int | None = None) -> None:
        """A round of asking, of these witnesses if they are others than before; then it is signed.

        What was asked before is forgotten, as after a new start, where others are named.
        """
        if named:
            agreed = Witnesses(named, quorum or len(named))
            self.witnessing = replace(self.witnessing, witnesses=agreed, _asked={})
        asyncio.run(self.witnessing.round())

    @property
    def note(self) -> str:
        """The newest note, as it is published."""
        newest = self.database.read_blocking(checkpoints.latest)
        assert newest is not None
        return newest.note

    @property
    def size(self) -> int:
        """The size of the newest checkpoint."""
        return open_checkpoint(self.note, [Verifier.of(self.sequencer.origin, KEY)]).size

    @property
    def state(self) -> QuorumState | None:
        """Whether a quorum signs."""
        return self.database.read_blocking(witnesses.quorum_state)

    def standing(self, witness: Witness) -> Standing | None:
        """How a witness stands."""
        found = self.database.read_blocking(lambda c: witnesses.standing(c, witness))
        return None if found is None else found[0]

    def alarms(self) -> list[tuple[object, ...]]:
        """Outcome, alarm and named witness of the entries that were made of this."""
        self.sign()

        def work(connection: Connection) -> list[tuple[object, ...]]:
            opener = EntryOpener(connection, self.house.log_keys())
            query = rows_query().where(LOOKUP.c.operation == Operation.KEY_EVENT.value)
            rows = connection.execute(query.order_by(LOOKUP.c.log_index)).mappings().all()
            opened = [opener.open(row).sections for row in rows]
            return [
                (
                    sections["circumstances"]["outcome"],
                    sections["fields"]["alarm"],
                    sections["grounds"].get("case"),
                )
                for sections in opened
            ]

        return self.database.read_blocking(work)


@pytest.fixture
def scene(database: Database, tmp_path: Path, pair: tuple[Running, Running]) -> Scene:
    """A log whose first entry is signed, with two witnesses that must both sign."""
    origin = ORIGINS[next(FRESH)]
    house = replace(plain_house(), log_origin=origin)
    clock = Clock()
    sequencer = Sequencer(
        database=database,
        key=KEY,
        origin=origin,
        checkpoint_file=tmp_path / "checkpoint",
        clock=clock,
        interval=0.01,
    )
    asking = Witnessing(
        database=database,
        house=lambda: house,
        witnesses=Witnesses(tuple(one.named for one in pair), 2),
        clock=clock,
        interval=0.01,
    )
    scene = Scene(database, house, sequencer, asking, clock)
    scene.sign()
    scene.grow()
    return scene


def closed_port() -> str:
    """An address at which nobody answers."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def away(running: Running) -> NamedWitness:
    """A witness that is down."""
    return replace(running.named, url=closed_port())


def test_what_is_published_bears_the_lines_of_the_witnesses(
    scene: Scene, pair: tuple[Running, Running]
) -> None:
    for entries in (1, 5, 30):
        scene.grow(entries)
        scene.ask()
        found = require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)
        assert {one.witness.name for one in found} == {"w1", "w2"}
        assert {one.time for one in found} == {int(AT.timestamp())}
        # The file outside the database is brought up to date in the next round.
        scene.sign()
        assert checkpoints.read_checkpoint_file(scene.sequencer.checkpoint_file) == scene.note
    log = Verifier.of(scene.sequencer.origin, KEY)
    assert open_as_receiver(scene.note, [LogKey.from_vkey(log.to_vkey())]).size == scene.size
    assert all(scene.standing(one.cosigner.witness) is Standing.COSIGNED for one in pair)
    assert scene.alarms() == []


def test_a_note_keeps_one_line_of_each_witness(scene: Scene) -> None:
    scene.ask()
    note = scene.note
    scene.ask(*scene.witnessing.witnesses.named)
    assert scene.note == note
    asyncio.run(scene.witnessing.round())
    assert scene.note == note


def test_who_was_shown_more_than_we_know_of_is_asked_from_there(
    scene: Scene, pair: tuple[Running, Running]
) -> None:
    """As after an answer that was lost on its way."""
    pair[0].cosigner.add_checkpoint(AddCheckpoint(old_size=0, proof=(), note=scene.note).to_bytes())
    scene.ask()
    scene.grow(2)
    scene.ask()
    require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)
    assert scene.alarms() == []


def test_a_missing_quorum_is_flagged_once_and_its_return_once(
    scene: Scene, pair: tuple[Running, Running], caplog: pytest.LogCaptureFixture
) -> None:
    first, second = pair
    scene.ask(first.named, away(second))
    with pytest.raises(QuorumMissing):
        require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)
    assert scene.standing(second.cosigner.witness) is Standing.SILENT
    scene.clock.advance(seconds=59)
    scene.grow()
    scene.ask()
    assert scene.alarms() == []
    for _ in range(3):
        scene.clock.advance(seconds=31)
        scene.grow()
        scene.ask()
    assert scene.alarms() == [("failed", "quorum-missing", None)]
    assert "without its quorum of 2 witnesses" in caplog.text
    # Signing went on all the while, with the line of the one that is there.
    require_quorum(scene.note, [first.cosigner.witness], quorum=1)
    scene.ask(first.named, second.named)
    assert scene.alarms() == [
        ("failed", "quorum-missing", None),
        ("recorded", "quorum-met", None),
    ]
    state = scene.state
    assert state is not None
    assert (state.missing, state.since) == (False, scene.clock())


def test_a_quorum_that_is_less_than_all_does_not_miss_one(
    scene: Scene, pair: tuple[Running, Running]
) -> None:
    scene.ask(pair[0].named, away(pair[1]), quorum=1)
    scene.clock.advance(hours=1)
    scene.grow()
    scene.ask()
    assert scene.alarms() == []


def test_one_process_asks_and_the_others_leave_it_to_that(scene: Scene) -> None:
    """A SQLite file belongs to one process anyhow."""
    with scene.database.alone(witnessing_module.TASK):
        scene.ask()
    assert (scene.state is None) is (scene.database.engine.dialect.name == "postgresql")
    scene.ask()
    require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)


def test_who_was_silent_is_asked_again_while_the_log_rests(
    scene: Scene, pair: tuple[Running, Running]
) -> None:
    scene.ask(pair[0].named, away(pair[1]))
    scene.witnessing = replace(
        scene.witnessing, witnesses=Witnesses(tuple(one.named for one in pair), 2)
    )
    scene.ask()
    with pytest.raises(QuorumMissing):
        require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)
    scene.clock.now += witnessing_module.ASK_AGAIN
    scene.ask()
    require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)


def other_history(scene: Scene, size: int) -> bytes:
    """A checkpoint of this size that the log's own key signed for somebody else."""
    leaves = [leaf_hash(str(number).encode()) for number in range(size)]
    fork = Checkpoint(scene.sequencer.origin, size, root(leaves))
    return AddCheckpoint(old_size=0, proof=(), note=sign_checkpoint(fork, KEY)).to_bytes()


@pytest.mark.parametrize(
    ("told", "ours", "kind"),
    [
        (3, 3, "fork"),  # one size, another root
        (3, 5, "rewrite"),  # our own proof shows another beginning
        (2, 3, "unproved"),  # so it is here, and our proof does not show it
        (9, 3, "rollback"),  # it saw more than there is: the database was set back
    ],
)
def test_a_witness_that_knows_another_history_is_a_loud_alarm_and_signing_goes_on(
    scene: Scene,
    pair: tuple[Running, Running],
    caplog: pytest.LogCaptureFixture,
    told: int,
    ours: int,
    kind: str,
) -> None:
    misled = pair[0].cosigner
    misled.add_checkpoint(other_history(scene, told))
    scene.grow(ours - scene.size)
    before = set(misled.evidence.path.iterdir())
    scene.ask()
    assert scene.standing(misled.witness) is Standing.REFUSED
    assert "THE WITNESS w1 SAYS THAT IT KNOWS ANOTHER HISTORY" in caplog.text
    assert scene.alarms() == [("refused", "witness-refused", "w1")]
    (kept,) = set(misled.evidence.path.iterdir()) - before
    assert kept.name.startswith(f"{kind}-")
    # Said once: neither the next checkpoint nor a silence says it again.
    scene.grow()
    scene.ask()
    scene.ask(away(pair[0]), pair[1].named, quorum=1)
    assert scene.standing(misled.witness) is Standing.REFUSED
    assert scene.alarms() == [("refused", "witness-refused", "w1")]
    require_quorum(scene.note, [pair[1].cosigner.witness], quorum=1)


ODD = LogSigningKey.from_seed(bytes([99] * 32))


# Answers that no witness gives, by the name of who gives them; from the text that it was asked for.
ODD_ANSWERS: Mapping[str, Callable[[str], Response]] = {
    "garbage": lambda _: PlainTextResponse("— garbage\n"),
    "stranger": lambda text: PlainTextResponse(cosign(text, name="stranger", key=ODD, time=1)),
    "wrong": lambda _: PlainTextResponse(
        cosign("other\n", name="wrong", key=key_of("wrong"), time=1)
    ),
    "long": lambda _: PlainTextResponse("x" * (witnessing_module.ANSWER_BYTES + 1)),
    "elsewhere": lambda _: RedirectResponse("/stranger/add-checkpoint", 307),
    "untyped": lambda _: PlainTextResponse("0\n", 409),
    # A line that is right under another text, and a number that no log and no database can hold.
    "forged": lambda text: PlainTextResponse(
        "more\n\n" + cosign(f"{text}\nmore\n", name="forged", key=key_of("forged"), time=1)
    ),
    "endless": lambda _: Response("9" * 19 + "\n", 409, headers={"Content-Type": SIZE_TYPE}),
    "sizeless": lambda _: Response("many\n", 409, headers={"Content-Type": SIZE_TYPE}),
    "broken": lambda _: PlainTextResponse("", 500),
}


def key_of(name: str) -> LogSigningKey:
    """A key for each name."""
    return LogSigningKey.from_seed(name.ljust(32).encode())


async def _odd(request: Request) -> Response:
    name, body = request.path_params["name"], await request.body()
    if name == "slow":
        await asyncio.sleep(1)
    text = AddCheckpoint.from_bytes(body).note.partition("\n\n")[0] + "\n"
    return ODD_ANSWERS.get(name, ODD_ANSWERS["broken"])(text)


def test_odd_answers_are_silence(
    scene: Scene,
    pair: tuple[Running, Running],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(witnessing_module, "ASK_SECONDS", 0.9)
    names = (*ODD_ANSWERS, "slow")
    app = Starlette(routes=[Route("/{name}/add-checkpoint", _odd, methods=["POST"])])
    with served(app) as address:
        odd = [NamedWitness(Witness.of(name, key_of(name)), f"{address}/{name}") for name in names]
        scene.ask(*odd, pair[0].named, quorum=1)
    assert {scene.standing(one.key) for one in odd} == {Standing.SILENT}
    for name in names:
        assert f"the witness {name} does not cosign" in caplog.text
    # And none of them keeps the line of the one that answers as it should from its place.
    require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=1)
    assert scene.note.count("\n— ") == 2
    assert scene.alarms() == []


def test_the_loop_asks_as_the_log_grows_and_outlives_an_error(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> datetime:
        raise ValueError("the clock file is being written")

    def work(asking: Witnessing, until: str) -> None:
        async def run() -> None:
            stop = asyncio.Event()
            task = asyncio.create_task(asking.run(stop))
            await asyncio.to_thread(wait_until, lambda: until in caplog.text)
            stop.set()
            await task

        asyncio.run(run())

    caplog.set_level(logging.INFO)
    work(replace(scene.witnessing, clock=broken), "could not be asked")
    work(scene.witnessing, "the witness w2 cosigns")
    require_quorum(scene.note, scene.witnessing.witnesses.keys, quorum=2)
