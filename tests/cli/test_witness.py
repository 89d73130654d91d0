"""`throughcare access-log witness|evidence|checkpoint`: from a new key to a checked proof."""

import secrets
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Connection
from typer.testing import CliRunner

from app.access_log import checkpoints, witnesses
from app.access_log.cosignature import MAX_TIME, Witness, cosign
from app.access_log.witnesses import Heard, NamedWitness, Standing, Witnesses
from app.cli import commands
from app.crypto.key_ring import KeyRing
from app.crypto.log_signing import LogSigningKey
from app.main import NotReady, agreed_witnesses, opened
from app.problems import ThroughcareError
from app.witness import program
from app.witness.evidence import Evidence
from tests.cli.command_line import Done, Installation
from tests.cli.conftest import Invoke
from tests.witness.history import LOG, A, B, D, X, node

AT = datetime(2027, 3, 3, 9, 0, tzinfo=UTC)


def invoke_alone(*arguments: str) -> Done:
    """Run a command that needs no installation."""
    done = CliRunner().invoke(commands("access-log"), ["access-log", *arguments])
    error = "" if isinstance(done.exception, SystemExit) else str(done.exception or "")
    return Done(done.exit_code, done.stdout, error)


def test_a_new_witness_tells_the_key_for_the_agreement(tmp_path: Path) -> None:
    folder = tmp_path / "witness"
    done = invoke_alone("witness", str(folder), "--new", "agency.example/w1", "--json")
    assert done.code == 0, done.said
    assert f"{done.json['witness']}\n" == (folder / "witness.vkey").read_text()
    again = invoke_alone("witness", str(folder), "--new", "agency.example/w1")
    assert again.code == 1
    assert "File exists" in again.err


def test_a_witness_of_no_log_does_not_start(tmp_path: Path) -> None:
    program.create(tmp_path / "witness", "w1", random=bytes)
    done = invoke_alone("witness", str(tmp_path / "witness"))
    assert done.code == 1
    assert "--log-key" in done.err


@dataclass(frozen=True)
class Case:
    """A file of evidence, and the keys that it is checked with."""

    file: Path
    witness: Witness

    def check(self) -> Done:
        """Check it with the two keys of the agreement."""
        keys = ("--log-key", LOG.verifier.to_vkey(), "--witness-key", self.witness.to_vkey())
        return invoke_alone("evidence", str(self.file), *keys, "--json")


def evidence_of(folder: Path, request: bytes) -> Case:
    """What a witness keeps of a request after the checkpoint of three entries."""
    program.create(folder, "agency.example/w1", random=bytes)
    with program.opened(folder, [LOG.verifier], clock=lambda: AT) as cosigner:
        cosigner.add_checkpoint(LOG.request(0, (), "abc"))
        with pytest.raises(ThroughcareError):
            cosigner.add_checkpoint(request)
        (file,) = cosigner.evidence.path.iterdir()
        return Case(file, cosigner.witness)


@pytest.mark.parametrize(
    ("request_body", "code", "finding"),
    [
        (LOG.request(3, (), "abx"), 0, "fork"),
        (LOG.request(3, (X, D, node(A, B)), "abxd"), 0, "rewrite"),
        (LOG.request(0, (), "ab"), 2, "rollback"),
        (LOG.request(3, (), "abcd"), 2, "unproved"),
    ],
)
def test_evidence_is_checked_with_two_keys_alone(
    tmp_path: Path, request_body: bytes, code: int, finding: str
) -> None:
    case = evidence_of(tmp_path / "witness", request_body)
    done = case.check()
    assert (done.code, done.json["finding"]) == (code, finding)
    assert (done.json["log"], done.json["held"]) == (LOG.origin, 3)


def test_what_is_no_evidence_is_refused(tmp_path: Path) -> None:
    case = evidence_of(tmp_path / "witness", LOG.request(3, (), "abx"))
    found = Evidence.from_json(case.file.read_text(encoding="utf-8"))
    agreeing = replace(found, offered=LOG.note("abc"))
    case.file.write_text(agreeing.to_json(), encoding="utf-8")
    assert case.check() == Done(1, "", "the two checkpoints agree")


WITNESS_KEYS = [LogSigningKey.from_seed(bytes([fill] * 32)) for fill in (1, 2)]
NAMED = [
    NamedWitness(Witness.of(f"w{number}.example", key), f"https://w{number}.example")
    for number, key in enumerate(WITNESS_KEYS, start=1)
]


def hear(connection: Connection, *standings: Standing) -> None:
    """What the job beside the sequencer notes of two witnesses, a day after the log was signed."""
    newest = checkpoints.latest(connection)
    signed_at = checkpoints.last_signed_at(connection)
    assert newest is not None
    assert signed_at is not None
    text = newest.checkpoint.to_text()
    for one, key, standing in zip(NAMED, WITNESS_KEYS, standings, strict=True):
        heard = Heard(one.key, standing, newest.checkpoint.size)
        witnesses.note_heard(connection, heard, at=signed_at)
        if standing is Standing.COSIGNED:
            line = cosign(text, name=one.key.name, key=key, time=int(AT.timestamp()))
            witnesses.add_lines(connection, newest.checkpoint.size, [line])
    for at in (signed_at, signed_at + timedelta(days=1)):
        state = witnesses.judge_quorum(connection, Witnesses(tuple(NAMED), 2), at=at)
        witnesses.keep_quorum(connection, state)


@pytest.mark.parametrize(
    ("standings", "code", "quorum"),
    [
        ((Standing.COSIGNED, Standing.COSIGNED), 0, "signs"),
        ((Standing.COSIGNED, Standing.SILENT), 2, "missing"),
        ((Standing.COSIGNED, Standing.REFUSED), 2, "missing"),
    ],
)
def test_the_status_tells_who_has_cosigned_and_whether_that_is_enough(
    installation: Installation,
    invoke: Invoke,
    standings: tuple[Standing, ...],
    code: int,
    quorum: str,
) -> None:
    with opened(installation.settings) as database:
        database.run_blocking(lambda c: hear(c, *standings))
    agreed = {
        "WITNESSES": ",".join(f"{one.key.to_vkey()} {one.url}" for one in NAMED),
        "WITNESS_QUORUM": "2",
    }
    done = invoke("access-log", "checkpoint", "--json", **agreed)
    assert (done.code, done.json["quorum"]) == (code, quorum), done.said
    assert done.json["witnesses"][0]["signed_at"] == "2027-03-03T09:00:00.000000Z"
    assert [one["standing"] for one in done.json["witnesses"]] == [one.value for one in standings]
    shown = invoke("access-log", "checkpoint", **agreed)
    assert shown.code == code
    assert f"w2.example  standing {standings[1].value}" in shown.out


def test_a_witness_whose_clock_is_nonsense_is_shown_with_the_others(
    installation: Installation, invoke: Invoke
) -> None:
    def hear_nonsense(connection: Connection) -> None:
        newest = checkpoints.latest(connection)
        assert newest is not None
        text, one = newest.checkpoint.to_text(), NAMED[0].key
        line = cosign(text, name=one.name, key=WITNESS_KEYS[0], time=MAX_TIME)
        witnesses.add_lines(connection, newest.checkpoint.size, [line])

    with opened(installation.settings) as database:
        database.run_blocking(hear_nonsense)
    agreed = f"{NAMED[0].key.to_vkey()} {NAMED[0].url}"
    done = invoke("access-log", "checkpoint", "--json", WITNESSES=agreed)
    assert (done.code, done.json["quorum"]) == (0, "signs"), done.said
    assert done.json["witnesses"][0]["signed_at"] == "after the year 9999"


def test_without_witnesses_the_status_is_that_of_the_checkpoint(invoke: Invoke) -> None:
    done = invoke("access-log", "checkpoint", "--json")
    assert (done.code, done.json["quorum"], done.json["witnesses"]) == (0, "none named", [])
    assert done.json["size"] > 0


@pytest.mark.parametrize(
    ("given", "quorum", "said"),
    [
        (["w.example+00000000+AAAA https://w.example"], "1", "w.example+00000000+AAAA"),
        ([f"{NAMED[0].key.to_vkey()} https://w.example"] * 2, "1", "keys of their own"),
        ([f"{NAMED[0].key.to_vkey()} https://w.example"], "2", "2 must sign, of 1"),
    ],
)
def test_witnesses_that_cannot_be_the_agreed_ones_are_a_refusal_to_start(
    invoke: Invoke, given: list[str], quorum: str, said: str
) -> None:
    done = invoke("serve", WITNESSES=",".join(given), WITNESS_QUORUM=quorum)
    assert done.code == 1
    assert said in done.err


def test_the_log_is_no_witness_of_itself(installation: Installation) -> None:
    """By none of its keys, while one takes over from another."""
    ring = KeyRing.rotate_log_key(installation.settings.key_directory, random=secrets.token_bytes)
    assert len(ring.log_signing.accepted) == 2
    for key in ring.log_signing.accepted:
        vkey = Witness("w.example", key).to_vkey()
        settings = replace(installation.settings, witnesses=(f"{vkey} https://w.example",))
        with pytest.raises(NotReady, match="none the log's"):
            agreed_witnesses(settings, ring)
