"""Endpoints of receiving agencies on a real port, written with the standard library alone.

One server takes the post of all agencies, each under a path of its own, keeps what came byte by
byte, and answers as it is told to: by default 202, like any receiver.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

ACCEPTED = 202


@dataclass(frozen=True)
class Letter:
    """One POST as it came."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """How a POST is answered."""

    status: int = ACCEPTED
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Box:
    """The endpoint of one agency."""

    url: str
    letters: list[Letter] = field(default_factory=list)
    # Those among them that the receiver said it has taken.
    taken: list[Letter] = field(default_factory=list)
    # Answers that are given first, in this order.
    answers: deque[Answer] = field(default_factory=deque)
    # And what is answered when there are none.
    usual: Answer = field(default_factory=Answer)
    # Called with each letter, before it is answered.
    reading: Callable[[Letter], None] = lambda _: None

    def answer_next(self, *statuses: int, **headers: str) -> None:
        """Answer the next letters so; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.extend(Answer(status, named) for status in statuses)


class _Server(ThreadingHTTPServer):
    # All that a dispatcher sends at once may knock at once.
    request_queue_size = 256


class Mailroom:
    """The server and its boxes, by the path of each."""

    def __init__(self) -> None:
        self._boxes: dict[str, Box] = {}
        self._address = ("127.0.0.1", 0)
        self.open()

    def open(self) -> None:
        """Take post: from now on, or again at the address of before."""
        self._server = _Server(self._address, _handler(self._boxes))
        self._address = ("127.0.0.1", self._server.server_address[1])
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    def box(self, name: str) -> Box:
        """A new endpoint."""
        port = self._server.server_address[1]
        self._boxes[f"/{name}"] = Box(url=f"http://127.0.0.1:{port}/{name}")
        return self._boxes[f"/{name}"]

    def close(self) -> None:
        """Take no more post."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


def _handler(boxes: Mapping[str, Box]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            box = boxes[self.path]
            length = int(self.headers["Content-Length"])
            body = self.rfile.read(length)
            if len(body) < length:  # whoever was writing is no more
                return
            letter = Letter(body, {name.lower(): text for name, text in self.headers.items()})
            box.letters.append(letter)
            box.reading(letter)
            answer = box.answers.popleft() if box.answers else box.usual
            if answer.status == ACCEPTED:
                box.taken.append(letter)
            self.send_response(answer.status)
            for name, text in answer.headers.items():
                self.send_header(name, text)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:  # noqa: ANN401 - as the base class has it
            """Say nothing."""

    return Handler


@contextmanager
def mailroom() -> Iterator[Mailroom]:
    """A mailroom that closes with the block."""
    room = Mailroom()
    try:
        yield room
    finally:
        room.close()


def wait_until(condition: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Come back as soon as the condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.01)
