"""The running program of a witness: `throughcare access-log witness`.

A folder holds all of it: `key.pem`, its name and public key in `witness.vkey`, what it remembers
in `memory.json`, and `evidence/`.
"""

import fcntl
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from app.access_log.cosignature import Witness
from app.access_log.note import Verifier
from app.crypto.log_signing import LogSigningKey
from app.receiver.errors import ConfigurationError
from app.receiver.listening import address_of, listen, make_server, serve
from app.receiver.private_files import (
    make_private_folder,
    read_private_file,
    write_private_file,
)
from app.witness.cosigner import Cosigner
from app.witness.evidence import EvidenceFolder
from app.witness.memory import Memory
from app.witness.server import make_app

LOGGER: Final = logging.getLogger("throughcare.witness")

KEY = "key.pem"
VKEY = "witness.vkey"
MEMORY = "memory.json"
EVIDENCE = "evidence"

SEED_BYTES: Final = 32


def create(folder: Path, name: str, *, random: Callable[[int], bytes]) -> Witness:
    """Make a new witness, with a key that only its owner can read.

    Raises:
        ConfigurationError: one is there already, the folder cannot be written, or a signature
            line cannot hold the name.
    """
    key = LogSigningKey.from_seed(random(SEED_BYTES))
    try:
        witness = Witness.of(name, key)
    except ValueError as error:
        raise ConfigurationError(str(error)) from None
    make_private_folder(folder)
    make_private_folder(folder / EVIDENCE)
    # The key comes first: it is what is never overwritten.
    write_private_file(folder / KEY, key.to_pem())
    write_private_file(folder / VKEY, f"{witness.to_vkey()}\n".encode())
    Memory.create(folder / MEMORY)
    return witness


@contextmanager
def opened(
    folder: Path, logs: Sequence[Verifier], *, clock: Callable[[], datetime]
) -> Iterator[Cosigner]:
    """The witness of a folder, which belongs to this process alone until the block ends.

    Raises:
        ConfigurationError: it is not whole, or another process works on it.
    """
    key = LogSigningKey.from_pem(read_private_file(folder / KEY))
    witness = Witness.from_vkey(read_private_file(folder / VKEY).decode().strip())
    if witness.public_key != key.public_bytes:
        raise ConfigurationError(f"{folder / VKEY}: not the public part of {folder / KEY}")
    by_origin: dict[str, list[Verifier]] = {}
    for log in logs:
        by_origin.setdefault(log.name, []).append(log)
    with _alone(folder / KEY):
        yield Cosigner(
            name=witness.name,
            key=key,
            logs=by_origin,
            memory=Memory(folder / MEMORY, witness),
            evidence=EvidenceFolder(folder / EVIDENCE),
            clock=clock,
        )


def run(
    folder: Path,
    logs: Sequence[Verifier],
    *,
    host: str,
    port: int,
    clock: Callable[[], datetime],
) -> None:
    """Cosign until SIGTERM or SIGINT; then finish what is under way and return.

    To be called from the main thread, because it handles signals. TLS is the matter of a proxy
    in front. Raises ConfigurationError as `opened` does.
    """
    with opened(folder, logs, clock=clock) as cosigner, listen(host, port) as listener:
        LOGGER.info("%s listening at %s", cosigner.witness.to_vkey(), address_of(listener))
        serve(make_server(make_app(cosigner)), listener)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold a lock on a file: two processes with one memory would each cosign a history."""
    with file.open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(f"{file}: another process is this witness") from None
        yield
