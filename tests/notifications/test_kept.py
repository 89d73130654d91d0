"""What a connection that is kept may carry, and what ends it. On the event loop of the service."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
import uvloop

from app.notifications.addresses import EndpointRules
from app.notifications.kept import KeptConnections
from app.notifications.transport import Sent, send

LOOPBACK = EndpointRules(allow_loopback=True)
SEALED = "a.b.c.d.e"
OK = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


@dataclass
class Receiver:
    """Answers what it reads, the next of `answers` or OK; b"" hangs up. Knows its connections."""

    answers: list[bytes] = field(default_factory=list)
    # The bodies that came over each connection.
    connections: list[list[str]] = field(default_factory=list)
    writers: list[asyncio.StreamWriter] = field(default_factory=list)
    port: int = 0

    def url(self, path: str = "/in") -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @property
    def bodies(self) -> list[int]:
        """How many messages each connection carried."""
        return [len(bodies) for bodies in self.connections]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        bodies: list[str] = []
        self.connections.append(bodies)
        self.writers.append(writer)
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                bodies.append((await reader.readexactly(len(SEALED))).decode())
                answer = self.answers.pop(0) if self.answers else OK
                writer.write(answer)
                if not answer:
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """Close what is open."""
        for writer in self.writers:
            writer.close()

    async def hang_up(self) -> None:
        """The same, and let it be seen."""
        self.close()
        await asyncio.sleep(0.02)


@asynccontextmanager
async def receiving(*answers: bytes) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(answers))
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0)
    async with server:
        receiver.port = server.sockets[0].getsockname()[1]
        yield receiver
        await receiver.hang_up()


@asynccontextmanager
async def keeping(**options: float) -> AsyncIterator[Callable[..., Awaitable[Sent]]]:
    """A sender that keeps its connections."""
    kept = KeptConnections(**options)  # type: ignore[arg-type]  # `most` is a whole number

    async def post(url: str, **others: Any) -> Sent:  # noqa: ANN401 - as `send` takes them
        options: dict[str, Any] = {"rules": LOOPBACK, "deadline": 5.0, **others}
        return await send(url, SEALED, kept=kept, **options)

    yield post
    kept.close()


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())


def test_messages_of_one_endpoint_share_a_connection() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            for _ in range(3):
                assert (await post(receiver.url())).accepted
            assert receiver.bodies == [3]

    play(scene)


def test_messages_under_way_together_do_not() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            sent = await asyncio.gather(*(post(receiver.url()) for _ in range(5)))
            assert all(one.accepted for one in sent)
            assert receiver.bodies == [1] * 5

    play(scene)


def test_two_endpoints_on_one_address_never_share_one() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            for path in ("/one", "/two", "/one?box=2", "/one"):
                assert (await post(receiver.url(path))).accepted
            assert receiver.bodies == [2, 1, 1]

    play(scene)


def test_an_endpoint_that_moved_gets_a_connection_of_its_own() -> None:
    async def scene() -> None:
        async with receiving() as old, receiving() as new, keeping() as post:
            for receiver in (old, new, new):
                assert (await post(receiver.url())).accepted
            assert (old.bodies, new.bodies) == ([1], [2])

    play(scene)


def test_a_kept_connection_is_not_used_under_rules_that_refuse_its_endpoint() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            assert (await post(receiver.url())).accepted
            sent = await post(receiver.url(), rules=EndpointRules())
            assert not sent.accepted
            assert receiver.bodies == [1]

    play(scene)


def test_a_kept_connection_is_not_used_under_other_rules() -> None:
    """They may judge its address otherwise: it is judged by them, over a new connection."""

    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            assert (await post(receiver.url())).accepted
            stricter = EndpointRules(allow_loopback=True, hosts=frozenset({"127.0.0.1"}))
            assert (await post(receiver.url(), rules=stricter)).accepted
            assert receiver.bodies == [1, 1]

    play(scene)


def test_an_address_is_judged_anew_once_its_connection_is_old() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping(life=0.05) as post:
            url = receiver.url().replace("127.0.0.1", "localhost")
            assert (await post(url, resolve=lambda *_: ["127.0.0.1"])).accepted
            await asyncio.sleep(0.06)
            sent = await post(url, resolve=lambda *_: ["10.0.0.1"])
            assert sent.problem == "expected a public address"
            assert receiver.bodies == [1]

    play(scene)


def test_a_name_is_resolved_once_for_each_connection() -> None:
    async def scene() -> None:
        asked: list[str] = []

        def resolve(host: str, _: int) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"]

        async with receiving() as receiver, keeping() as post:
            url = receiver.url().replace("127.0.0.1", "localhost")
            for _ in range(2):
                await post(url, resolve=resolve)
            await receiver.hang_up()
            await post(url, resolve=resolve)
            assert asked == ["localhost"] * 2
            assert receiver.bodies == [2, 1]

    play(scene)


def test_a_connection_at_rest_is_closed() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping(rest=0.02) as post:
            await post(receiver.url())
            await asyncio.sleep(0.1)
            assert receiver.writers[0].is_closing()
            await post(receiver.url())
            assert receiver.bodies == [1, 1]

    play(scene)


def test_no_more_rest_than_there_may_the_longest_at_rest_goes_first() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping(most=2) as post:
            for path in ("/one", "/two", "/three"):
                await post(receiver.url(path))
            await asyncio.sleep(0.02)
            assert [writer.is_closing() for writer in receiver.writers] == [True, False, False]

    play(scene)


def test_a_connection_that_its_receiver_closed_is_not_used() -> None:
    async def scene() -> None:
        async with receiving() as receiver, keeping() as post:
            await post(receiver.url())
            await receiver.hang_up()
            assert (await post(receiver.url())).accepted
            assert receiver.bodies == [1, 1]

    play(scene)


def test_a_kept_connection_that_ends_without_a_byte_is_replaced_once() -> None:
    """The same bytes, and so the same `jti`: a receiver that got both takes one."""

    async def scene() -> None:
        async with receiving(OK, b"", OK) as receiver, keeping() as post:
            await post(receiver.url())
            assert (await post(receiver.url())).accepted
            assert receiver.bodies == [2, 1]
            receiver.answers[:] = [b"", b"", b""]
            sent = await post(receiver.url())
            assert sent.problem == "not reached: ConnectionLost"
            assert receiver.bodies == [2, 2, 1]

    play(scene)


@pytest.mark.parametrize("begun", [b"H", b"HTTP/1.1 202 Accepted\r\nContent-Length: 9\r\n\r\nx"])
def test_nothing_is_sent_again_once_an_answer_has_begun(begun: bytes) -> None:
    async def scene() -> None:
        async with receiving(OK, begun) as receiver, keeping() as post:
            await post(receiver.url())
            asyncio.get_running_loop().call_later(0.1, receiver.writers[0].close)
            assert (await post(receiver.url())).problem == "not reached: ConnectionLost"
            assert receiver.bodies == [2]

    play(scene)


def test_a_new_connection_that_ends_without_a_byte_is_not_replaced() -> None:
    async def scene() -> None:
        async with receiving(b"") as receiver, keeping() as post:
            assert (await post(receiver.url())).problem == "not reached: ConnectionLost"
            assert receiver.bodies == [1]

    play(scene)


def test_a_message_that_gets_no_answer_ends_its_connection() -> None:
    async def scene() -> None:
        async with receiving(OK, b"HTTP/1.1 ") as receiver, keeping() as post:
            await post(receiver.url())
            assert (await post(receiver.url(), deadline=0.05)).problem == "no answer in time"
            assert (await post(receiver.url())).accepted
            assert receiver.bodies == [2, 1]

    play(scene)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        b"HTTP/1.0 202 Accepted\r\nContent-Length: 0\r\n\r\n",
        # What comes after an answer could be taken for the next one.
        OK + OK,
        OK + b"H",
        OK + b"\0",
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 5001\r\n\r\n" + b"x" * 5000,
    ],
    ids=range(6),
)
def test_after_such_an_answer_a_connection_is_not_used_again(answer: bytes) -> None:
    async def scene() -> None:
        async with receiving(answer) as receiver, keeping() as post:
            assert (await post(receiver.url())).status_code == 202
            assert (await post(receiver.url())).status_code == 202
            assert receiver.bodies == [1, 1]

    play(scene)


def test_what_a_receiver_says_unasked_is_no_answer_to_the_next_message() -> None:
    async def scene() -> None:
        busy = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
        async with receiving(OK, busy) as receiver, keeping() as post:
            await post(receiver.url())
            receiver.writers[0].write(OK)
            await asyncio.sleep(0.02)
            assert (await post(receiver.url())).status_code == 503
            assert receiver.bodies == [1, 1]

    play(scene)


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: </>\r\n\r\n" + OK,
    ],
    ids=range(4),
)
def test_after_any_answer_that_has_its_end_a_connection_is_used_again(answer: bytes) -> None:
    async def scene() -> None:
        async with receiving(answer) as receiver, keeping() as post:
            assert (await post(receiver.url())).accepted
            assert (await post(receiver.url())).accepted
            assert receiver.bodies == [2]

    play(scene)


def test_a_body_may_end_with_its_connection() -> None:
    async def scene() -> None:
        endless = b"HTTP/1.1 202 Accepted\r\n\r\nok"
        async with receiving(endless) as receiver, keeping() as post:
            asyncio.get_running_loop().call_later(0.05, receiver.close)
            assert (await post(receiver.url())).accepted

    play(scene)


def test_a_connection_taken_over_for_another_protocol_is_no_answer() -> None:
    upgrade = b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: Upgrade\r\n\r\n"

    async def scene() -> None:
        async with receiving(upgrade) as receiver, keeping() as post:
            sent = await post(receiver.url())
            assert (sent.status_code, sent.problem) == (None, "not reached: NotHttp")

    play(scene)
