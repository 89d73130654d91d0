"""The witness on a real port, spoken to byte by byte (C2SP tlog-witness)."""

import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.access_log.cosignature import cosignatures
from app.receiver import body as reading
from app.receiver.body import BODY_BYTES
from app.witness import program
from app.witness.cosigner import Cosigner
from app.witness.server import make_app
from tests.receiver.service_stand_in import served
from tests.witness.conftest import AT
from tests.witness.history import FROM_2_TO_3, LOG, C, Log, X, encoded


@dataclass(frozen=True)
class Answer:
    """An answer as it came."""

    status: int
    head: str
    body: str


@dataclass(frozen=True)
class Wire:
    """A connection to a witness."""

    connection: socket.socket

    def send(self, body: bytes, *, start: str = "POST /add-checkpoint") -> Answer:
        """One request and its answer; the connection stays."""
        head = f"{start} HTTP/1.1\r\nHost: witness\r\nContent-Length: {len(body)}\r\n\r\n"
        self.connection.sendall(head.encode() + body)
        return self.read()

    def read(self) -> Answer:
        """The next answer."""
        received = b""
        while b"\r\n\r\n" not in received:
            received += self._more()
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode().lower().split("\r\n")
        (length,) = (int(line[15:]) for line in lines if line.startswith("content-length:"))
        while len(rest) < length:
            rest += self._more()
        return Answer(int(lines[0].split(" ")[1]), "\n".join(lines[1:]), rest.decode())

    def _more(self) -> bytes:
        data = self.connection.recv(65_536)
        assert data, "the connection ended"
        return data


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Cosigner, str]]:
    """A witness of as many logs as there are tests, and its address."""
    folder = tmp_path_factory.mktemp("serving") / "witness"
    program.create(folder, "agency.example/w1", random=bytes)
    logs = [Log(f"log-{number}.example").verifier for number in range(20)]
    with (
        program.opened(folder, logs, clock=lambda: AT) as cosigner,
        served(make_app(cosigner)) as address,
    ):
        yield cosigner, address


@pytest.fixture
def wire(serving: tuple[Cosigner, str]) -> Iterator[Wire]:
    """A connection of its own."""
    parts = urlsplit(serving[1])
    with socket.create_connection((parts.hostname, parts.port), timeout=30) as connection:
        yield Wire(connection)


def test_a_checkpoint_is_answered_with_the_line_that_cosigns_it(
    wire: Wire, serving: tuple[Cosigner, str]
) -> None:
    log = Log("log-0.example")
    body = (
        b"old 0\n"
        b"\n"
        b"log-0.example\n"
        b"2\n"
        + log.text("ab").split("\n")[2].encode()
        + b"\n\n"
        + log.note("ab").split("\n\n")[1].encode()
    )
    answer = wire.send(body)
    assert answer.status == 200
    assert answer.body.startswith("— agency.example/w1 ")
    assert answer.body.endswith("\n")
    assert cosignatures(log.note("ab") + answer.body, [serving[0].witness])
    # On the same connection, with a proof.
    assert wire.send(log.request(2, FROM_2_TO_3, "abc")).status == 200


def test_a_conflict_tells_the_size_in_a_type_of_its_own(wire: Wire) -> None:
    log = Log("log-1.example")
    wire.send(log.request(0, (), "ab"))
    for body in (log.request(0, (), "abc"), log.request(2, (), "ax"), log.request(1, (), "a")):
        answer = wire.send(body)
        assert (answer.status, answer.body) == (409, "2\n")
        assert "content-type: text/x.tlog.size" in answer.head.split("\n")


def test_each_refusal_has_the_status_of_the_specification(wire: Wire) -> None:
    log = Log("log-2.example")
    wire.send(log.request(0, (), "ab"))
    stranger = Log("stranger.example")
    unsigned = log.note("abc").replace("log-2.example ", "log-3.example ")
    for status, body in (
        (400, b"nonsense"),
        (400, log.request(4, (), "abc")),
        (403, f"old 2\n{encoded(C)}\n\n{unsigned}".encode()),
        (404, stranger.request(0, (), "a")),
        (422, log.request(2, (X,), "abc")),
    ):
        assert wire.send(body).status == status


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.replace(b"old 2", b"old 02"),
        lambda body: body.replace(b"old 2", b"old -2"),
        lambda body: body.replace(b"old 2", b"Old 2"),
        lambda body: body.replace(b"old 2\n", b""),
        lambda body: body.replace(b"old 2\n", b"old 2\r\n"),
        lambda body: body.replace(encoded(C).encode(), b"AAAA"),
        lambda body: body.replace(encoded(C).encode(), b"?"),
        lambda body: body.replace(encoded(C).encode(), b"\n".join([encoded(C).encode()] * 64)),
        lambda body: body.replace(b"\n\n", b"\n"),
        lambda body: body[:-1],
        lambda body: body.replace(b"\n3\n", b"\n03\n"),
        lambda body: body + b"\xff",
        lambda _: b"",
    ],
)
def test_another_form_is_a_bad_request(wire: Wire, spoil: "object") -> None:
    assert callable(spoil)
    body = Log("log-4.example").request(2, (C,), "abc")
    assert wire.send(spoil(body)).status == 400


def test_a_body_may_not_be_longer_than_any_request_is(wire: Wire) -> None:
    head = f"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {10**9}\r\n\r\n"
    wire.connection.sendall(head.encode() + b"x" * (BODY_BYTES + 1))
    assert wire.read().status == 413


def test_a_body_that_does_not_come_is_not_waited_for(
    wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.05)
    wire.connection.sendall(
        b"POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: 9\r\n\r\n"
    )
    assert wire.read().status == 408


def test_there_is_one_call_and_a_sign_of_life(wire: Wire) -> None:
    assert wire.send(b"", start="GET /add-checkpoint").status == 405
    assert wire.send(b"", start="POST /other").status == 404
    assert wire.send(b"", start="GET /health").body == "ok\n"


def test_a_witness_without_its_disk_says_that_it_cannot_now(
    wire: Wire, serving: tuple[Cosigner, str]
) -> None:
    folder: Path = serving[0].evidence.path.parent
    away = folder.with_name("away")
    shutil.move(folder, away)
    try:
        assert wire.send(Log("log-5.example").request(0, (), "ab")).status == 503
    finally:
        shutil.move(away, folder)
    assert wire.send(Log("log-5.example").request(0, (), "ab")).status == 200
    assert LOG.origin not in serving[0].logs
