"""Addresses of tiles (C2SP tlog-tiles): `<L>/<N>[.p/<W>]`, N in groups of three digits. Pure."""

import re
from dataclasses import dataclass

TILE_HEIGHT = 8
TILE_WIDTH = 1 << TILE_HEIGHT

# 63 levels hold any log; here they end where an index no longer fits the database.
LEVELS = 6
# Every group but the last begins with an x: index 1234067 is x001/x234/067.
_PATH = re.compile(r"((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?", re.ASCII)
_LONGEST = 32


@dataclass(frozen=True, slots=True)
class Place:
    """A tile by its index in a level, and how many of its hashes are meant."""

    index: int
    width: int

    @property
    def start(self) -> int:
        """The first hash, as counted in its level."""
        return self.index << TILE_HEIGHT

    @property
    def stop(self) -> int:
        """Behind the last hash."""
        return self.start + self.width


def parse(path: str) -> Place | None:
    """The tile that an address names; None where it is none, or is written another way."""
    match = _PATH.fullmatch(path) if len(path) <= _LONGEST else None
    if match is None:
        return None
    index = int(match[1].replace("x", "").replace("/", ""))
    width = int(match[2]) if match[2] else TILE_WIDTH
    place = Place(index, width)
    return place if format_place(place) == path else None


def format_place(place: Place) -> str:
    """The address of a tile."""
    digits = f"{place.index:03}"
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    path = "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])
    return path if place.width == TILE_WIDTH else f"{path}.p/{place.width}"
