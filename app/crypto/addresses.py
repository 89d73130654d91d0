"""One form of an address for all that mean the same (RFC 3986, sections 6.2.2 and 6.2.3). Pure."""

import re
from typing import Final
from urllib.parse import SplitResult, urlsplit

from app.crypto.errors import Malformed

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_ESCAPE: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile(r"[A-Za-z0-9._~-]")
_ADDRESS: Final = re.compile(r"[\x21-\x7e]{1,2048}")


def normal_address(address: str) -> str:
    """An http address without query and fragment, in the one form that it is compared in.

    Raises:
        Malformed: it is no absolute http address, or names a user.
    """
    parts, port = _split(address)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname or "@" in parts.netloc:
        raise Malformed("not an absolute http address")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    place = host if port in (None, _DEFAULT_PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{place}{_without_dots(_ESCAPE.sub(_normal_escape, parts.path))}"


def _split(address: str) -> tuple[SplitResult, int | None]:
    """The parts of an address, and its port. What the library would leave out is refused first."""
    if not _ADDRESS.fullmatch(address):
        raise Malformed("not an address")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise Malformed("not an address") from None
    return parts, port


def _normal_escape(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()


def _without_dots(path: str) -> str:
    """A path without `.` and `..` segments (RFC 3986, section 5.2.4)."""
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    if segments and segments[-1] in {".", ".."}:
        kept.append("")
    return "/" + "/".join(kept)
