"""Sending to receivers that are slow, endless, lying, or not who they say they are."""

import asyncio
import gzip
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from app.notifications.addresses import EndpointRules
from app.notifications.transport import ANSWER_BYTES, Sent, send, tls_context

LOOPBACK = EndpointRules(allow_loopback=True)
SEALED = "a.b.c.d.e"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Talk = Callable[[socket.socket], None]


@dataclass
class Listener:
    """A receiver that speaks bytes: a request is read to its end, then `talk` says something."""

    talk: Talk
    tls: ssl.SSLContext | None = None
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/in?box=1"

    def serve(self, server: socket.socket) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        try:
            if self.tls is not None:
                connection = self.tls.wrap_socket(connection, server_side=True)
            with connection:
                self.requests.append(_request(connection))
                self.talk(connection)
        except OSError:
            connection.close()


def _request(connection: socket.socket) -> bytes:
    received = b""
    while not received.endswith(SEALED.encode()):
        piece = connection.recv(4096)
        if not piece:
            break
        received += piece
    return received


@contextmanager
def listening(talk: Talk, *, tls: ssl.SSLContext | None = None) -> Iterator[Listener]:
    listener = Listener(talk, tls)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as server:
        listener.port = server.getsockname()[1]
        thread = threading.Thread(target=listener.serve, args=(server,))
        thread.start()
        try:
            yield listener
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()


def saying(data: bytes) -> Talk:
    return lambda connection: connection.sendall(data)


def post(url: str, *, deadline: float = 20.0, tls: ssl.SSLContext | None = None) -> Sent:
    return asyncio.run(
        send(
            url,
            SEALED,
            rules=LOOPBACK,
            resolve=lambda *_: ["127.0.0.1"],
            tls=tls,
            deadline=deadline,
        )
    )


def test_a_message_is_posted_as_it_is() -> None:
    with listening(saying(OK)) as listener:
        sent = post(listener.url)
    assert (sent.status_code, sent.problem, sent.accepted) == (200, None, True)
    [request] = listener.requests
    head, _, body = request.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"post /in?box=1 http/1.1"
    assert f"host: 127.0.0.1:{listener.port}".encode() in lines
    assert b"content-type: application/jose" in lines
    assert b"accept-encoding: identity" in lines
    assert not any(line.startswith((b"authorization", b"cookie")) for line in lines)
    assert body == SEALED.encode()


@pytest.mark.parametrize("status", [199, 300, 400, 404, 410, 429, 500, 503])
def test_only_2xx_is_taken(status: int) -> None:
    answer = f"HTTP/1.1 {status} Something\r\nContent-Length: 0\r\n\r\n".encode()
    with listening(saying(answer)) as listener:
        sent = post(listener.url, deadline=2.0)
    assert not sent.accepted
    assert sent.problem


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        ("0", 0),
        ("999999", 999_999),
        # As good as never: whoever obeys has a cap.
        ("1" * 4000, 111_111_111),
        ("Sun, 06 Nov 1994 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        ("Sunday, 06-Nov-94 08:49:37 GMT", datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC)),
        # Of no zone: another moment for every reader.
        ("Sun Nov  6 08:49:37 1994", None),
        ("Sun, 99 Nov 1994 08:49:37 GMT", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661", None),
        ("", None),
    ],
    ids=range(13),
)
def test_retry_after_is_read_in_seconds_and_as_a_date(
    header: str, seconds: int | datetime | None
) -> None:
    answer = f"HTTP/1.1 503 Busy\r\nRetry-After: {header}\r\nContent-Length: 0\r\n\r\n"
    with listening(saying(answer.encode())) as listener:
        assert post(listener.url).retry_after == seconds


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(status: int) -> None:
    with listening(saying(OK)) as elsewhere:
        to = f"HTTP/1.1 {status} Moved\r\nLocation: {elsewhere.url}\r\nContent-Length: 0\r\n\r\n"
        with listening(saying(to.encode())) as listener:
            sent = post(listener.url)
    assert (sent.status_code, sent.accepted) == (status, False)
    assert elsewhere.requests == []


def drip(connection: socket.socket) -> None:
    """A byte now and then: each comes in time, the whole never."""
    for byte in b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 10_000:
        connection.sendall(bytes([byte]))
        time.sleep(0.02)


def test_a_slow_drip_is_ended_by_the_deadline() -> None:
    with listening(drip) as listener:
        began = time.monotonic()
        sent = post(listener.url, deadline=0.5)
    assert time.monotonic() - began < 10
    assert (sent.status_code, sent.problem) == (None, "no answer in time")
    assert sent.milliseconds >= 500


def test_a_receiver_that_says_nothing_is_ended_by_the_deadline() -> None:
    with listening(lambda _: time.sleep(1)) as listener:
        assert post(listener.url, deadline=0.2).problem == "no answer in time"


def test_slow_name_servers_hold_up_nothing_but_their_own_endpoints() -> None:
    answered = threading.Event()

    def resolve(_: str, __: int) -> list[str]:
        answered.wait(10)
        return []

    async def meanwhile() -> str:
        sending = [
            asyncio.create_task(
                send("http://localhost:1/", SEALED, rules=LOOPBACK, resolve=resolve)
            )
            for _ in range(40)
        ]
        # More than the loop has threads by default are waiting; other work has its turn.
        try:
            async with asyncio.timeout(5):
                return await asyncio.to_thread(lambda: "done")
        finally:
            answered.set()
            await asyncio.gather(*sending)

    assert asyncio.run(meanwhile()) == "done"


def test_a_resolver_that_says_nothing_is_ended_by_the_deadline() -> None:
    def resolve(_: str, __: int) -> list[str]:
        time.sleep(1)
        return ["127.0.0.1"]

    sent = asyncio.run(
        send("http://localhost:1/", SEALED, rules=LOOPBACK, resolve=resolve, deadline=0.1)
    )
    assert sent.problem == "no answer in time"


def endless(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")


def test_an_endless_answer_is_cut_off() -> None:
    with listening(endless) as listener:
        began = time.monotonic()
        sent = post(listener.url, deadline=60.0)
    assert sent.status_code == 200
    assert time.monotonic() - began < 30


def test_endless_headers_are_cut_off() -> None:
    def talk(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-More: " + b"x" * 1000 + b"\r\n")

    with listening(talk) as listener:
        sent = post(listener.url, deadline=60.0)
    assert sent.status_code is None
    assert sent.problem is not None
    assert sent.problem.startswith("not reached")


def test_a_compressed_bomb_is_not_blown_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    assert len(bomb) > ANSWER_BYTES
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(bomb)}\r\n\r\n"

    def inflate(*_: object) -> bytes:
        raise AssertionError("nothing is to be inflated")

    monkeypatch.setattr("httpx._decoders.GZipDecoder.decode", inflate)
    with listening(saying(head.encode() + bomb)) as listener:
        assert post(listener.url).accepted


@pytest.mark.parametrize(
    "nonsense",
    [
        b"",
        b"\0" * 100,
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nBad Header\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_nonsense_is_an_answer_and_no_error(nonsense: bytes) -> None:
    with listening(saying(nonsense)) as listener:
        sent = post(listener.url, deadline=5.0)
    assert sent.status_code is None
    assert sent.problem


def test_nobody_there_is_an_answer_and_no_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    sent = post(f"http://127.0.0.1:{port}/")
    assert (sent.status_code, sent.problem) == (None, "not reached: ConnectError")


@pytest.mark.parametrize("url", ["http://10.0.0.1/", "http://127.0.0.1/\x01", "x", "https://[::1"])
def test_an_address_that_may_not_be_is_an_answer_and_no_error(url: str) -> None:
    sent = post(url)
    assert (sent.status_code, sent.accepted) == (None, False)
    assert sent.problem is not None
    assert "10.0.0.1" not in sent.problem


def test_a_proxy_of_the_environment_sees_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with listening(saying(OK)) as proxy, listening(saying(OK)) as listener:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        assert post(listener.url).accepted
    assert proxy.requests == []
    assert len(listener.requests) == 1


def test_credentials_of_the_environment_are_not_sent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password planted\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    with listening(saying(OK)) as listener:
        post(listener.url)
    assert b"authorization" not in listener.requests[0].lower()


# TLS: the connection goes to the judged address, the certificate is held to the name.


@dataclass
class Authority:
    """A certificate authority of the test, trusted by nobody else."""

    folder: Path
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    @property
    def name(self) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Test Authority")])

    def certificate(self) -> x509.Certificate:
        builder = self._builder(self.name, self.key)
        basic = x509.BasicConstraints(ca=True, path_length=0)
        return builder.add_extension(basic, critical=True).sign(self.key, hashes.SHA256())

    def trusting(self) -> ssl.SSLContext:
        """What a client that trusts this authority uses."""
        pem = self.certificate().public_bytes(serialization.Encoding.PEM).decode()
        return tls_context(pem)

    def server(self, *names: x509.GeneralName, days: int = 1) -> ssl.SSLContext:
        """What a server with a certificate for these names uses."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver.example")])
        builder = self._builder(subject, key, days=days).add_extension(
            x509.SubjectAlternativeName(names), critical=False
        )
        authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        certificate = builder.add_extension(authority, critical=False).sign(
            self.key, hashes.SHA256()
        )
        file = self.folder / f"{certificate.serial_number:x}.pem"
        file.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
            + certificate.public_bytes(serialization.Encoding.PEM)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, *, days: int = 1
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self.name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=30))
            .not_valid_after(now + timedelta(days=days))
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


NAME = x509.DNSName("receiver.example")


def test_the_name_is_verified_though_the_connection_goes_to_an_address(
    authority: Authority,
) -> None:
    seen: list[str | None] = []
    server = authority.server(NAME)
    server.sni_callback = lambda _, name, __: seen.append(name)
    with listening(saying(OK), tls=server) as listener:
        url = f"https://receiver.example:{listener.port}/in"
        sent = post(url, tls=authority.trusting())
    assert (sent.status_code, sent.problem) == (200, None)
    assert seen == ["receiver.example"]
    assert f"host: receiver.example:{listener.port}".encode() in listener.requests[0].lower()


@pytest.mark.parametrize(
    "names",
    [
        (x509.DNSName("other.example"),),
        (x509.DNSName("*.receiver.example"),),
        (x509.IPAddress(IPv4Address("127.0.0.1")),),
        (x509.DNSName("127.0.0.1"),),
        (x509.DNSName("example"),),
    ],
)
def test_a_certificate_for_another_name_is_refused(
    authority: Authority, names: tuple[x509.GeneralName, ...]
) -> None:
    """Also one for the very address that the connection goes to; all have the name as subject."""
    with listening(saying(OK), tls=authority.server(*names)) as listener:
        sent = post(f"https://receiver.example:{listener.port}/in", tls=authority.trusting())
    assert (sent.status_code, sent.problem) == (None, "not reached: ConnectError")
    assert listener.requests == []


def test_a_certificate_of_an_unknown_authority_is_refused(authority: Authority) -> None:
    with listening(saying(OK), tls=authority.server(NAME)) as listener:
        sent = post(f"https://receiver.example:{listener.port}/in")
    assert sent.problem == "not reached: ConnectError"
    assert listener.requests == []


def test_an_expired_certificate_is_refused(authority: Authority) -> None:
    with listening(saying(OK), tls=authority.server(NAME, days=-1)) as listener:
        sent = post(f"https://receiver.example:{listener.port}/in", tls=authority.trusting())
    assert sent.problem == "not reached: ConnectError"
    assert listener.requests == []


def test_an_address_as_host_is_verified_as_an_address(authority: Authority) -> None:
    trusting = authority.trusting()
    right = authority.server(x509.IPAddress(IPv4Address("127.0.0.1")))
    with listening(saying(OK), tls=right) as listener:
        assert post(f"https://127.0.0.1:{listener.port}/in", tls=trusting).accepted
    with listening(saying(OK), tls=authority.server(NAME)) as listener:
        assert not post(f"https://127.0.0.1:{listener.port}/in", tls=trusting).accepted


def test_two_names_on_one_address_are_each_held_to_their_own(authority: Authority) -> None:
    """No connection of one endpoint serves another."""
    with listening(saying(OK), tls=authority.server(NAME)) as listener:
        trusting = authority.trusting()
        right = post(f"https://receiver.example:{listener.port}/in", tls=trusting)
        wrong = post(f"https://other.example:{listener.port}/in", tls=trusting)
    assert (right.accepted, wrong.accepted) == (True, False)


def test_plain_http_at_a_tls_port_and_the_other_way_round_fail(authority: Authority) -> None:
    with listening(saying(OK), tls=authority.server(NAME)) as listener:
        assert not post(listener.url, deadline=5.0).accepted
    with listening(saying(OK)) as listener:
        url = f"https://receiver.example:{listener.port}/in"
        assert not post(url, tls=authority.trusting(), deadline=3.0).accepted


def test_a_handshake_that_hangs_leaves_no_socket_open(authority: Authority) -> None:
    with listening(lambda _: time.sleep(5)) as listener:
        url = f"https://receiver.example:{listener.port}/in"
        sent = post(url, tls=authority.trusting(), deadline=1.5)
    assert sent.problem == "not reached: ConnectTimeout"
