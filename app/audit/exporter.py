"""Writes exports: reads the log portion by portion and stores each as a sealed part.

A portion is read on a snapshot of its own, away from the writer, and stored in a transaction of
its own. Whatever breaks off leaves an export that is begun anew: by the next process that finds
it, once nobody has come back to it for a while.
"""

import asyncio
import hashlib
import json
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from sqlalchemy import Connection, Row

from app.access_log import checkpoints, erasure, export, kept_exports
from app.access_log.checkpoints import SignedCheckpoint
from app.access_log.export_csv import csv_head, csv_rows
from app.access_log.export_fhir import fhir_rows
from app.access_log.export_json import json_head, json_rows
from app.access_log.export_rows import PORTION, ExportedEntry, read_portion
from app.access_log.kept_exports import NoLongerWritten, Part
from app.access_log.opened_entry import EntryOpener
from app.access_log.query import EntryFilter
from app.access_log.sealing import LogKeys
from app.access_log.tile_paths import TILE_WIDTH
from app.access_log.tiles import LogDamaged
from app.crypto.key_ring import RandomBytes
from app.database import Database
from app.problems import Unavailable
from app.rounds import pause

log = logging.getLogger("throughcare.exporter")

# The whole log, to be verified without the server; the others hold entries with their proofs.
WHOLE_LOG: Final = "log"
# Tiles of hashes that make one part of the whole log: as large as one of entries.
TILES = 64
# Threads of their own: an export takes seconds at least, and the threads of the event loop are
# few. Sequencer and dispatcher work in those. A long job leaves one to those that are made at once.
WRITERS = ThreadPoolExecutor(2, thread_name_prefix="export")


class Source(Protocol):
    """Where the parts of an export come from: each is found by a number, `start` first."""

    @property
    def start(self) -> int:
        """The number of the first."""
        ...

    def read(self, connection: Connection, place: int) -> tuple["Read", int | None]:
        """What stands there, and the number of the next; None at the end."""
        ...


@dataclass(frozen=True, slots=True)
class Read:
    """A portion as bytes: of how many rows, how many entries, opened under whose keys."""

    content: bytes
    looked_at: int
    entries: int
    opened_with: list[tuple[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporter:
    """What writing exports needs."""

    database: Database
    keys: LogKeys
    random: RandomBytes
    clock: Callable[[], datetime]
    # Seconds between two looks for an export that waits.
    interval: float = 1.0

    async def run(self, stop: asyncio.Event) -> None:
        """Write what waits, one export after the other, until asked to stop."""
        while not stop.is_set():
            if not await self._try(stop):
                await pause(stop, self.interval)

    async def _try(self, stop: asyncio.Event) -> bool:
        """Whether there was an export to write."""
        try:
            waiting = await self.database.read(
                lambda c: kept_exports.next_to_write(c, at=self.clock())
            )
            if waiting is None:
                return False
            row = await self.database.run(
                lambda c: kept_exports.claim(c, waiting, random=self.random, at=self.clock())
            )
        except Unavailable as error:
            log.warning("exports that wait could not be looked for: %s", error)
            return False
        except Exception:
            # Whatever it was: without an exporter every export would wait for ever, unnoticed.
            log.exception("exports that wait could not be looked for")
            return False
        return row is None or await self.attempt(row, stop.is_set)

    async def attempt(
        self, claimed: Row[Any], broken_off: Callable[[], bool] = lambda: False
    ) -> bool:
        """Write an export; False where that failed, and is to be tried again after its lease."""
        try:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(WRITERS, self.write, claimed, broken_off)
        except Exception:
            log.exception("an export could not be written")
            return False
        return True

    def write(self, claimed: Row[Any], broken_off: Callable[[], bool] = lambda: False) -> None:
        """Write an export from its beginning. It blocks until it is done, or is broken off."""
        try:
            self._write(claimed, broken_off)
        except LogDamaged:
            log.error("an export needs hashes of the log that are lost")  # noqa: TRY400 - no trace
            self.database.run_blocking(lambda c: kept_exports.fail(c, claimed.export_id))
        except NoLongerWritten:
            log.info("an export was given up: it was deleted, or somebody was erased")

    def _write(self, row: Row[Any], broken_off: Callable[[], bool]) -> None:
        source = self.database.read_blocking(lambda c: _source(c, row, self.keys))
        digest, length, number = hashlib.sha256(), 0, 0
        place: int | None = source.start
        while place is not None:
            if broken_off():
                self.database.run_blocking(lambda c: kept_exports.give_back(c, row.content_id))
                return
            read, following = self._read(source, place)
            part = Part(
                number=number,
                content=read.content,
                looked_at=read.looked_at,
                entries=read.entries,
                opened_with=read.opened_with,
            )
            if not self._store(row.content_id, part):
                continue
            digest.update(read.content)
            length, number = length + len(read.content), number + 1
            place = following
        sha256 = digest.hexdigest()
        self.database.run_blocking(lambda c: _finish(c, row, length=length, sha256=sha256))

    def _read(self, source: Source, place: int) -> tuple[Read, int | None]:
        return self.database.read_blocking(lambda c: source.read(c, place))

    def _store(self, content_id: str, part: Part) -> bool:
        return self.database.run_blocking(
            lambda c: kept_exports.add_part(
                c, content_id, part, keys=self.keys, random=self.random, at=self.clock()
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Entries:
    """Entries that match, in one of the formats; found by the index to go on after."""

    format: str
    filters: EntryFilter
    signed: SignedCheckpoint
    keys: LogKeys
    start: int = -1

    def read(self, connection: Connection, place: int) -> tuple[Read, int | None]:
        """The next entries, behind the head of the format if they are the first."""
        opener = EntryOpener(connection, self.keys)
        portion = read_portion(connection, self.filters, self.signed, after=place, opener=opener)
        head = self._head() if place == self.start else b""
        content = head + self._rows(portion.entries)
        read = Read(content, portion.looked_at, len(portion.entries), opener.opened_with)
        return read, portion.next

    def _head(self) -> bytes:
        if self.format == "fhir":
            return b""
        return csv_head() if self.format == "csv" else json_head(self.signed)

    def _rows(self, exported: tuple[ExportedEntry, ...]) -> bytes:
        if self.format == "fhir":
            return fhir_rows(exported, origin=self.signed.checkpoint.origin)
        return csv_rows(exported) if self.format == "csv" else json_rows(exported)


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeLog:
    """The lines of `export.export`: tiles first, then entries, so many at once."""

    signed: SignedCheckpoint
    keys: LogKeys
    start: int = 0

    def read(self, connection: Connection, place: int) -> tuple[Read, int | None]:
        """The lines that stand there."""
        size = self.signed.checkpoint.size
        tiles, portions = range(0, size, TILE_WIDTH), range(0, size, PORTION)
        groups = -(-len(tiles) // TILES)
        following = place + 1 if place + 1 < groups + len(portions) else None
        if place < groups or size == 0:
            head = [export.header_line(self.signed)] if place == 0 else []
            group = tiles[place * TILES : (place + 1) * TILES]
            lines = [export.stored_tile_line(connection, start, size=size) for start in group]
            return Read(b"".join(head + lines), 0, 0, []), following
        opener = EntryOpener(connection, self.keys)
        start = portions[place - groups]
        stop = min(start + PORTION, size)
        lines = list(export.entry_lines(connection, start, stop, opener=opener))
        return Read(b"".join(lines), stop - start, len(lines), opener.opened_with), following


def _finish(connection: Connection, row: Row[Any], *, length: int, sha256: str) -> None:
    """All parts are there, unless an erasure and the asking did not see each other.

    What is erased then is missing from some rows, and no entry of the export explains it.
    """
    if erasure.is_unsigned(connection, row.tree_size):
        kept_exports.drop(connection, row.content_id)
    else:
        kept_exports.finish(connection, row.content_id, length=length, sha256=sha256)


def _source(connection: Connection, row: Row[Any], keys: LogKeys) -> Source:
    signed = checkpoints.of_size(connection, row.tree_size)
    if signed is None:
        raise LogDamaged("a checkpoint of the log is lost")
    if row.format == WHOLE_LOG:
        return WholeLog(signed=signed, keys=keys)
    filters = EntryFilter.from_stated(json.loads(row.filters))
    return Entries(format=row.format, filters=filters, signed=signed, keys=keys)
