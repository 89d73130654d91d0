"""The matrix as written documents, each made once for a bundle and a day.

A matrix takes about a tenth of a second to make and holds no personal data, so what was made for
one reader serves all. Made in a thread of its own; never on an event loop.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import date
from enum import StrEnum

import orjson

from app.policy.bundle import Bundle
from app.policy.matrix import Matrix, matrix
from app.policy.matrix_pages import to_html, to_markdown

# Around midnight and around an activation two days or two bundles are asked for in turn.
KEPT = 2


class Written(StrEnum):
    """How a matrix is written, by media type (RFC 8259, RFC 7763, HTML)."""

    JSON = "application/json"
    MARKDOWN = "text/markdown"
    HTML = "text/html"


_WRITERS: Mapping[Written, Callable[[Matrix], bytes]] = {
    Written.JSON: lambda made: orjson.dumps(made.to_json()),
    Written.MARKDOWN: lambda made: to_markdown(made).encode(),
    Written.HTML: lambda made: to_html(made).encode(),
}
Documents = Mapping[Written, bytes]


class MatrixDocuments:
    """Keeps the documents of the newest matrices. For any number of threads."""

    def __init__(self) -> None:
        self._made: dict[tuple[str, date], Documents] = {}
        self._lock = threading.Lock()

    def made(self, bundle: Bundle, *, at: date) -> Documents | None:
        """The documents, if they are there already."""
        return self._made.get((bundle.digest, at))

    def make(self, bundle: Bundle, *, at: date) -> Documents:
        """The documents; whoever comes while they are being made waits for the same ones."""
        with self._lock:
            known = self.made(bundle, at=at)
            if known is not None:
                return known
            content = matrix(bundle, at=at)
            documents = {written: write(content) for written, write in _WRITERS.items()}
            kept = [*self._made.items()][1 - KEPT :]
            self._made = dict([*kept, ((bundle.digest, at), documents)])
            return documents
