"""`throughcare backup`: database, keys and checkpoint in one sealed file."""

import json
import secrets
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, BinaryIO

import typer
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection

from app.access_log import checkpoints, ledger
from app.access_log.checkpoint import CheckpointRefused
from app.access_log.checkpoints import LogContradicted
from app.access_log.note import NoteRefused
from app.administration import data_keys
from app.backup.archive import ArchiveWriter
from app.backup.copies import pieces
from app.backup.manifest import Manifest
from app.cli.new_files import require_folder
from app.cli.output import Json, errors, show
from app.crypto.encoding import read_json_object
from app.crypto.errors import CryptoError
from app.crypto.key_ring import KeyRing, read_files
from app.crypto.sealing_keys import EncryptionKey
from app.database import open_database
from app.main import NotReady, log_verifiers, make_clock, reading
from app.problems import Conflict, InvalidInput
from app.receiver.private_files import write_private_file
from app.settings import Settings
from app.whole_files import written
from throughcare_receiver.keys import DecryptionKey

# The parts of a backup; a key is `keys/` and the name of its file.
DATABASE = "database"
CHECKPOINT = "checkpoint"
KEYS = "keys/"
KEYS_CHANGED = "the keys were changed at this very moment: run it again"


def add_to(cli: typer.Typer) -> None:
    """Add these commands."""
    cli.command("backup-key")(backup_key)
    cli.command("backup")(backup)


def backup_key(
    file: Annotated[Path, typer.Argument(help="File for the private key; it must not exist.")],
    *,
    as_json: Json = False,
) -> None:
    """Make the pair of keys of backups: FILE opens them, FILE.public.json seals them.

    Take FILE away from this machine: whoever has it and a backup reads everything.
    """
    key = DecryptionKey.generate()
    public = Path(f"{file}.public.json")
    write_private_file(file, key.to_pem())
    write_private_file(public, json.dumps(key.public_jwk()).encode())
    show({"kid": key.kid, "private": str(file), "public": str(public)}, as_json=as_json)


def backup(
    place: Annotated[Path, typer.Argument(help="New file, or a folder for one named by the time.")],
    *,
    to: Annotated[
        list[Path],
        typer.Option(help="A public key of `backup-key`; repeatable: each opens it alone."),
    ],
    as_json: Json = False,
) -> None:
    """Copy database, keys and checkpoint into one sealed file, beside the running service.

    On PostgreSQL as the owner of the tables, with pg_dump on the path. What could not be restored
    is refused: a log that its checkpoint disowns, a key that is missing.
    """
    settings = Settings.from_environment()
    recipients = [_recipient(one) for one in to]
    at = make_clock(settings)()
    file = place / f"throughcare-{at:%Y%m%dT%H%M%SZ}.backup" if place.is_dir() else place
    # INVARIANT: the checkpoint is read before the database, which so is never behind it.
    note = checkpoints.read_checkpoint_file(settings.checkpoint_file)
    if note is None:
        raise NotReady(
            f"{settings.checkpoint_file}: the last checkpoint of the log is gone: put it back "
            "first (docs/runbook.md)"
        )
    with reading(settings, checkpoints.CHECKPOINT):
        pass  # it is there, and of this program
    database = open_database(settings.database_url)
    try:
        with new_file(file) as opened:
            writer = ArchiveWriter.begin(opened, recipients, random=secrets.token_bytes)
            taking = _Taking(settings, writer, note, at)
            manifest = database.read_blocking(taking)
    finally:
        database.close()
    result = {
        "file": str(file),
        "bytes": file.stat().st_size,
        "entries": manifest.checkpoint.size,
        "origin": manifest.checkpoint.origin,
    }
    show(result, as_json=as_json)
    if not as_json:
        errors.print("Keep it apart from the private key that opens it.")


@dataclass(frozen=True, slots=True)
class _Taking:
    """What is copied on one snapshot of the database: what `Database.read_blocking` runs."""

    settings: Settings
    writer: ArchiveWriter
    note: str
    at: datetime

    def __call__(self, connection: Connection) -> Manifest:
        """Write everything; the manifest, which is written last."""
        settings = self.settings
        # The snapshot begins here.
        head = ledger.read_head(connection).checkpoint(settings.log_origin)
        # INVARIANT: the keys are read after the database, so those that it names are among them;
        # but for one that was removed in between, which is refused.
        files = read_files(settings.key_directory)
        ring = KeyRing.load(settings.key_directory)
        self._check(connection, ring)
        writer = self.writer
        writer.add(CHECKPOINT, [self.note.encode()])
        for name, content in files.items():
            writer.add(f"{KEYS}{name}", [content])
        with closing(pieces(connection)) as copied:
            writer.add(DATABASE, copied)
        if read_files(settings.key_directory) != files:
            raise Conflict(KEYS_CHANGED)
        manifest = Manifest(
            made_at=self.at,
            product=version("throughcare"),
            tables=MigrationContext.configure(connection).get_current_revision() or "",
            database=connection.dialect.name,
            checkpoint=head,
            key_ids=data_keys.named(connection),
            parts=tuple(writer.parts),
        )
        writer.finish(manifest.to_note(ring.log_signing))
        return manifest

    def _check(self, connection: Connection, ring: KeyRing) -> None:
        """Refuse what a restored installation would refuse."""
        settings = self.settings
        try:
            checkpoints.check_against(
                connection,
                self.note,
                verifiers=log_verifiers(settings, ring),
                origin=settings.log_origin,
            )
        except (LogContradicted, NoteRefused, CheckpointRefused) as error:
            raise NotReady(
                f"the access log and `{settings.checkpoint_file}` disagree: {error}. "
                "`throughcare init` says what to do; a backup of this could not be used"
            ) from error
        if absent := data_keys.missing(connection, ring):
            raise NotReady(
                f"{settings.key_directory}: the key-encryption key {absent[0]} is missing, and "
                "data hang on it: put its file back first (docs/runbook.md)"
            )


def _recipient(file: Path) -> EncryptionKey:
    try:
        return EncryptionKey.from_jwk(read_json_object(file.read_bytes()))
    except CryptoError as error:
        raise InvalidInput(f"{file}: not a public key of `throughcare backup-key`") from error


@contextmanager
def new_file(file: Path) -> Iterator[BinaryIO]:
    """A file for its owner alone, which appears under its name once it is whole and on the disk.

    Conflict where one is there already; FileExistsError where one is by the end.
    """
    if file.exists():
        raise Conflict(f"{file}: is there already; no backup is overwritten")
    require_folder(file.parent)
    with written(file, new=True) as opened:
        yield opened
