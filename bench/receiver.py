"""A receiver that answers every POST at once, in a process of its own: nothing here is ours.

    python -m bench.receiver [--moments]

It prints its port; with `--moments` also, for each message, when it was there (seconds of the
monotonic clock, which all processes of a machine share).
"""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO, cast

import httptools
import uvloop

ANSWER = b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"


class Conversation(asyncio.Protocol):
    """One connection: requests are read to their end and answered."""

    def __init__(self, *, moments: bool) -> None:
        self._moments = moments

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._parser = httptools.HttpRequestParser(self)

    def data_received(self, data: bytes) -> None:
        """More of a request."""
        self._parser.feed_data(data)

    def on_message_complete(self) -> None:
        """A request has ended."""
        if self._moments:
            print(time.monotonic(), flush=True)  # noqa: T201 - read by who started this
        self._transport.write(ANSWER)


@dataclass(frozen=True)
class Receiver:
    """The running process."""

    port: int
    output: IO[str]

    def url(self, path: str) -> str:
        """An endpoint of it."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def moment(self) -> float:
        """When the next message was there. Waits for it."""
        return float(self.output.readline())


@contextmanager
def receiving(*, moments: bool = False, core: int | None = None) -> Iterator[Receiver]:
    """A receiver until the block ends, on a core of its own where one is named."""
    options = ["--moments"] if moments else []
    command = [sys.executable, "-m", "bench.receiver", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        output = cast("IO[str]", process.stdout)
        try:
            port = int(output.readline())
            if core is not None:
                os.sched_setaffinity(process.pid, {core})
            yield Receiver(port, output)
        finally:
            process.terminate()


async def _serve(*, moments: bool) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Conversation(moments=moments), "127.0.0.1", 0, backlog=1024
    )
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - read by who started this
    await server.serve_forever()


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        uvloop.run(_serve(moments="--moments" in sys.argv))
