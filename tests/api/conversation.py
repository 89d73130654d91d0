"""A request that is still being sent while its answer is read: HTTP/1.1 on a bare socket."""

import json
import socket
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit


class Conversation:
    """One request with a chunked body. To be used as a context; leaving it hangs up."""

    def __init__(self, issuer: str, path: str, headers: Mapping[str, str]) -> None:
        place = urlsplit(issuer)
        self._socket = socket.create_connection((place.hostname, place.port), timeout=20)
        self._answer = self._socket.makefile("rb")
        self.status = 0
        lines = [
            f"POST {path} HTTP/1.1",
            f"Host: {place.netloc}",
            "Transfer-Encoding: chunked",
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        self._socket.sendall("\r\n".join([*lines, "", ""]).encode())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._answer.close()
        self._socket.close()

    def say(self, content: bytes) -> None:
        """Send a chunk."""
        self._socket.sendall(b"%x\r\n%b\r\n" % (len(content), content))

    def end(self) -> None:
        """Send the last chunk: the body is complete."""
        self._socket.sendall(b"0\r\n\r\n")

    def hear(self) -> dict[str, Any] | None:
        """The next line of the answer; None at its end. Each line comes in a chunk of its own."""
        if not self.status:
            self.status = int(self._answer.readline().split()[1])
            while self._answer.readline() != b"\r\n":
                pass
        size = int(self._answer.readline(), 16)
        content = self._answer.read(size)
        assert self._answer.readline() == b"\r\n"
        if not size:
            return None
        line: dict[str, Any] = json.loads(content)
        return line
