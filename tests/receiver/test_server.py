"""The endpoint on a real port, with the service on another."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from app.receiver import body as reading
from app.receiver.answering import AnsweringWorker
from app.receiver.body import BODY_BYTES
from app.receiver.client import AgencyClient
from app.receiver.configuration import AgencyConfiguration
from app.receiver.server import make_app
from tests.receiver.service_stand_in import Sender, ServiceStandIn, served, wait_until
from throughcare_receiver.keys import DecryptionKey
from throughcare_receiver.receiver import Receiver, utc_now
from throughcare_receiver.sender_keys import SenderKeys
from throughcare_receiver.sqlite_store import SqliteStore
from throughcare_receiver.statements import Acknowledgement
from throughcare_receiver.store import TAKEN


class MovableMonotonic:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Endpoint:
    """The running endpoint, and what a sender needs to reach it."""

    address: str
    recipient: dict[str, str]
    store: SqliteStore
    service: ServiceStandIn
    monotonic: MovableMonotonic

    def post(self, content: bytes | str, **headers: str) -> httpx.Response:
        full = {"Content-Type": "application/jose"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        with httpx.Client(trust_env=False) as http:
            return http.post(f"{self.address}/notifications", content=content, headers=full)

    def deliver(self, claims: dict[str, Any], *, sender: Sender | None = None) -> httpx.Response:
        sealed = (sender or self.service.sender).notification(claims, self.recipient)
        return self.post(sealed)


@pytest.fixture
def endpoint(
    configuration: AgencyConfiguration,
    client: AgencyClient,
    store: SqliteStore,
    service: ServiceStandIn,
    decryption_key: DecryptionKey,
) -> Iterator[Endpoint]:
    worker = AnsweringWorker(store, client, kind=Acknowledgement.ACCEPTED, clock=utc_now)
    monotonic = MovableMonotonic()
    receiver = Receiver(
        issuer=configuration.issuer,
        client_id=configuration.client_id,
        signing_key=configuration.load_signing_key(),
        decryption_keys={decryption_key.kid: decryption_key},
        sender_keys=SenderKeys(client.sender_keys, monotonic=monotonic),
        store=store,
    )
    with served(make_app(receiver, worker)) as address:
        yield Endpoint(address, decryption_key.public_jwk(), store, service, monotonic)


def test_a_heartbeat_is_taken_and_leaves_nothing(endpoint: Endpoint) -> None:
    event = {"urn:throughcare:event:heartbeat": {"subscription_id": "sub-1", "last_sequence": 7}}
    claims = endpoint.service.claims("n-1", events=event, sub_id=None, seq=None)
    assert endpoint.deliver(claims).status_code == 202
    assert endpoint.store.waiting() == ()


def test_a_notification_is_stored_then_taken_then_acknowledged(endpoint: Endpoint) -> None:
    answer = endpoint.deliver(endpoint.service.claims("n-1"))
    assert (answer.status_code, answer.content) == (202, b"")
    stored = endpoint.store.get("n-1").notification
    assert stored.reference == "ref-1"
    assert stored.event == {"planned_release_date": "2027-01-15"}
    wait_until(lambda: "n-1" in endpoint.service.acknowledgements)
    wait_until(lambda: endpoint.store.get("n-1").answer_state == TAKEN)


def test_a_duplicate_is_taken_and_stored_once(endpoint: Endpoint) -> None:
    claims = endpoint.service.claims("n-1")
    assert endpoint.deliver(claims).status_code == 202
    assert endpoint.deliver(claims).status_code == 202
    assert len(endpoint.store.received()) == 1


def test_a_verification_is_taken_and_answered(endpoint: Endpoint) -> None:
    answer = endpoint.deliver(endpoint.service.verification_claims("v-1"))
    assert answer.status_code == 202
    wait_until(lambda: "sub-1" in endpoint.service.verifications)
    assert endpoint.service.acknowledgements == {}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"aud": "probation-south-1"}, "invalid_audience"),
        ({"iss": "https://other.example"}, "invalid_issuer"),
        ({"events": {}}, "invalid_request"),
    ],
)
def test_what_is_not_for_us_is_refused_in_the_form_of_rfc_8935(
    endpoint: Endpoint, change: dict[str, Any], code: str
) -> None:
    answer = endpoint.deliver(endpoint.service.claims("n-1", **change))
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-language"] == "en"
    assert answer.json()["err"] == code
    assert endpoint.store.received() == ()


@pytest.mark.parametrize("body", [b"", b"hello", b"\xff\xfe", b"a.b.c.d.e", b"x" * BODY_BYTES])
def test_a_body_that_cannot_be_opened_is_refused(endpoint: Endpoint, body: bytes) -> None:
    answer = endpoint.post(body)
    assert answer.status_code == 400
    assert set(answer.json()) == {"err", "description"}


def test_a_body_over_the_limit_is_refused_without_detail(endpoint: Endpoint) -> None:
    answer = endpoint.post(b"x" * (BODY_BYTES + 1))
    assert (answer.status_code, answer.content) == (413, b"")


def test_an_endless_body_is_cut_off(endpoint: Endpoint) -> None:
    host, _, port = endpoint.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /notifications HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for _ in range(BODY_BYTES // 0x1000 + 1):
            connection.sendall(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_that_drips_is_cut_off(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BODY_SECONDS", 0.1)
    host, _, port = endpoint.address.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(
            b"POST /notifications HTTP/1.1\r\nHost: a\r\nContent-Type: application/jose\r\n"
            b"Content-Length: 100\r\n\r\nx"
        )
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


@pytest.mark.parametrize(
    "content_type", ["application/json", "", "application/jose2", "text/plain"]
)
def test_another_content_type_is_refused_without_detail(
    endpoint: Endpoint, content_type: str
) -> None:
    answer = endpoint.post(b"x", Content_Type=content_type)
    assert (answer.status_code, answer.content) == (415, b"")


def test_a_packed_body_is_refused(endpoint: Endpoint) -> None:
    assert endpoint.post(b"x", Content_Encoding="gzip").status_code == 415


def test_a_parameter_of_the_content_type_is_left_alone(endpoint: Endpoint) -> None:
    sealed = endpoint.service.sender.notification(
        endpoint.service.claims("n-1"), endpoint.recipient
    )
    assert endpoint.post(sealed, Content_Type="Application/JOSE; charset=utf-8").status_code == 202


def test_another_path_or_method_is_refused_without_detail(endpoint: Endpoint) -> None:
    with httpx.Client(trust_env=False, base_url=endpoint.address) as http:
        answers = [http.get("/notifications"), http.get("/elsewhere"), http.get("/docs")]
    assert [answer.status_code for answer in answers] == [405, 404, 404]
    assert {answer.content for answer in answers} == {b""}


def test_it_says_that_it_is_well(endpoint: Endpoint) -> None:
    with httpx.Client(trust_env=False) as http:
        answer = http.get(f"{endpoint.address}/health")
    assert answer.json() == {"status": "ok"}


def test_a_new_key_of_the_service_is_fetched(endpoint: Endpoint) -> None:
    assert endpoint.deliver(endpoint.service.claims("n-1")).status_code == 202
    endpoint.service.sender = Sender()
    endpoint.monotonic.now += 30
    assert endpoint.deliver(endpoint.service.claims("n-2")).status_code == 202
    assert endpoint.service.key_fetches == 2


def test_a_very_new_key_is_to_be_tried_again_later(endpoint: Endpoint) -> None:
    assert endpoint.deliver(endpoint.service.claims("n-1")).status_code == 202
    endpoint.service.sender = Sender()
    answer = endpoint.deliver(endpoint.service.claims("n-2"))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert endpoint.service.key_fetches == 1


def test_a_stranger_is_refused_after_a_look_at_the_service_s_keys(endpoint: Endpoint) -> None:
    assert endpoint.deliver(endpoint.service.claims("n-1")).status_code == 202
    endpoint.monotonic.now += 30
    answer = endpoint.deliver(endpoint.service.claims("n-2"), sender=Sender())
    assert (answer.status_code, answer.json()["err"]) == (400, "invalid_key")
    assert endpoint.service.key_fetches == 2


def test_what_cannot_be_stored_is_not_taken(endpoint: Endpoint) -> None:
    endpoint.store._connection.execute("DROP TABLE notification")  # noqa: SLF001 - a broken store
    answer = endpoint.deliver(endpoint.service.claims("n-1"))
    assert (answer.status_code, answer.content) == (503, b"")


def test_no_log_line_tells_what_a_notice_says(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    planted = "Planted-Name"
    with caplog.at_level("DEBUG"):
        event = {"urn:throughcare:event:release_planned": {"name": planted}}
        endpoint.deliver(endpoint.service.claims("n-1", events=event))
        endpoint.deliver(endpoint.service.claims("n-2", events=event, aud=planted))
        endpoint.deliver(endpoint.service.claims(f"../{planted}", events=event))
        wait_until(lambda: "n-1" in endpoint.service.acknowledgements)
    assert planted not in caplog.text


def test_what_is_missing_or_late_is_logged_and_taken(
    endpoint: Endpoint, caplog: pytest.LogCaptureFixture
) -> None:
    for jti, subscriber, person in (("n-1", 1, 1), ("n-4", 4, 3), ("n-2", 2, 2)):
        seq = {"subscriber": subscriber, "person": person}
        assert endpoint.deliver(endpoint.service.claims(jti, seq=seq)).status_code == 202
    told = [message for message in caplog.messages if "about its person" in message]
    assert told == [
        "notification n-4: an earlier one is missing about its person",
        "notification n-2: late about its person",
    ]
