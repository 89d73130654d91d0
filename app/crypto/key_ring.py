"""The key ring: a folder with one file for each secret of the service.

Symmetric keys are 32 bytes as one line of base64url, private keys are PEM. A file that anybody
but its owner can read is refused, and so is a folder with a file that nobody expects. Another
store of secrets (a key management service) would make the same `KeyRing`.
"""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self, TypeVar

from app.crypto.at_rest import KEY_BYTES
from app.crypto.backend import assert_backend
from app.crypto.encoding import decode_base64url, encode_base64url, read_json_object
from app.crypto.errors import CryptoError, UnsafeKey
from app.crypto.key_encryption import KeyEncryptionKeys
from app.crypto.log_signing import LogSigningKey, LogVerifyingKey
from app.crypto.signing_keys import SigningKey, VerifyingKey

_Loaded = TypeVar("_Loaded")

RandomBytes = Callable[[int], bytes]
"""Gives so many random bytes, as `secrets.token_bytes` does."""

_OTHERS_MAY = 0o077  # any permission of group or world
_MAX_FILE_BYTES = 16 * 1024

_SYMMETRIC = ("data_encryption", "log_retention", "blind_index")
_TOKEN_KEYS = ("token_signing", "notification_signing")
_LOG_KEY = "log_signing"
_NEXT_LOG = "log_signing.next.pem"
_RETIRED_LOG = "log_signing.retired.pub"
_NEXT = "token_signing.next.pem"
_RETIRED = "token_signing.retired.json"
_DATA = "data_encryption.key"
_NEXT_DATA = "data_encryption.next.key"
_RETIRED_DATA = "data_encryption.retired.key"
_FILES = frozenset(
    [f"{name}.key" for name in _SYMMETRIC]
    + [f"{name}.pem" for name in (*_TOKEN_KEYS, _LOG_KEY)]
    + [_NEXT, _RETIRED, _NEXT_DATA, _RETIRED_DATA, _NEXT_LOG, _RETIRED_LOG]
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class KeyRing:
    """Every secret key of the service. None of them shows when the ring is printed.

    Attributes:
        data_encryption: the active key-encryption key, 32 bytes: it wraps the persons' data
            keys, those of their files and those of the access log per person and year.
        data_encryption_next: wraps after the next rotation; None before one was made.
        data_encryption_retired: wrapped until the last rotation; None once nothing hangs on it.
        key_encryption: the three of them, by their names.
        log_retention: key of the access log's sections that outlive a person's erasure,
            32 bytes.
        blind_index: key of the keyed fingerprints for look-ups, 32 bytes.
        token_signing: the active one: signs access tokens, ES256.
        token_signing_next: published already, signs after the next rotation; None before one
            was made.
        token_signing_retired: signed until the last rotation; only its public part is left.
        notification_signing: signs what is sealed to recipients, ES256.
        log_signing: signs checkpoints of the access log and receipts, Ed25519; while it changes,
            with the key that takes over from it.
    """

    data_encryption: bytes = field(repr=False)
    log_retention: bytes = field(repr=False)
    blind_index: bytes = field(repr=False)
    token_signing: SigningKey = field(repr=False)
    notification_signing: SigningKey = field(repr=False)
    log_signing: LogSigningKey = field(repr=False)
    token_signing_next: SigningKey | None = field(default=None, repr=False)
    token_signing_retired: VerifyingKey | None = field(default=None, repr=False)
    data_encryption_next: bytes | None = field(default=None, repr=False)
    data_encryption_retired: bytes | None = field(default=None, repr=False)
    key_encryption: KeyEncryptionKeys = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Name the key-encryption keys once: every file that is opened asks for one."""
        keys = KeyEncryptionKeys.of(
            self.data_encryption, self.data_encryption_next, self.data_encryption_retired
        )
        object.__setattr__(self, "key_encryption", keys)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read a key ring.

        Raises:
            UnsafeKey: a file is missing, unexpected, open to others, or holds no such key.
                The message names the file and never shows what is in it.
            UnsafeBackend: something else than `cryptography` would compute with the keys.
        """
        assert_backend()
        _refuse_unknown_files(directory)
        return cls(
            data_encryption=_load(directory / _DATA, _read_bytes),
            log_retention=_load(directory / "log_retention.key", _read_bytes),
            blind_index=_load(directory / "blind_index.key", _read_bytes),
            token_signing=_load(directory / "token_signing.pem", _read_token_key),
            notification_signing=_load(directory / "notification_signing.pem", _read_token_key),
            log_signing=_load_log_keys(directory),
            token_signing_next=_load_if_there(directory / _NEXT, _read_token_key),
            token_signing_retired=_load_if_there(directory / _RETIRED, _read_public_key),
            data_encryption_next=_load_if_there(directory / _NEXT_DATA, _read_bytes),
            data_encryption_retired=_load_if_there(directory / _RETIRED_DATA, _read_bytes),
        )

    @classmethod
    def create(cls, directory: Path, *, random: RandomBytes) -> Self:
        """Make a folder of new keys and read it.

        The folder appears as a whole or not at all. `random` gives the symmetric keys and
        the log's key; elliptic-curve keys are drawn from the operating system.

        Raises:
            UnsafeKey: the folder is there already and not empty: keys are never overwritten.
        """
        with staged(directory, _new_keys(random)):
            pass
        return cls.load(directory)

    @classmethod
    def rotate_token_keys(cls, directory: Path) -> Self:
        """Retire the active key of access tokens, let the next one take its place, make a new one.

        Where there is no next key yet, one is made and nothing else changes: a key signs only
        after verifiers could see it. Every step leaves a folder that can be loaded, and a
        rotation that was broken off is ended by the next one.

        Raises:
            UnsafeKey: as in `load`.
        """
        ring = cls.load(directory)
        if ring.token_signing_next is not None:
            retired = json.dumps(ring.token_signing.public_jwk()).encode()
            _replace_private_file(directory / _RETIRED, retired)
            (directory / _NEXT).replace(directory / "token_signing.pem")
            _sync_folder(directory)
        _replace_private_file(directory / _NEXT, SigningKey.generate().to_pem())
        _sync_folder(directory)
        return cls.load(directory)

    @classmethod
    def rotate_data_keys(cls, directory: Path, *, random: RandomBytes) -> Self:
        """Retire the active key-encryption key, let the next one take its place, make a new one.

        Steps and broken-off rotations are as in `rotate_token_keys`.

        Raises:
            UnsafeKey: as in `load`; or a key of an earlier rotation is still kept. What hangs
                on it would be lost with it, so it has to be removed before another retires.
        """
        ring = cls.load(directory)
        if ring.data_encryption_next is not None:
            if ring.has_retired_data_key:
                raise UnsafeKey(
                    f"{directory / _RETIRED_DATA}: a retired key is still here; run "
                    "`throughcare keys rewrap` and `throughcare keys remove` first"
                )
            _replace_private_file(directory / _RETIRED_DATA, _as_text(ring.data_encryption))
            _sync_folder(directory)
            (directory / _NEXT_DATA).replace(directory / _DATA)
            _sync_folder(directory)
        _replace_private_file(directory / _NEXT_DATA, _as_text(random(KEY_BYTES)))
        _sync_folder(directory)
        return cls.load(directory)

    @classmethod
    def remove_retired_data_key(cls, directory: Path) -> Self:
        """Take away the retired key-encryption key. Only after nothing hangs on it."""
        (directory / _RETIRED_DATA).unlink(missing_ok=True)
        _sync_folder(directory)
        return cls.load(directory)

    @classmethod
    def rotate_log_key(cls, directory: Path, *, random: RandomBytes) -> Self:
        """Make a next key of the log, which signs beside the active one; or let it take over.

        Where there is a next key it becomes the active one, and of the other one only the public
        part is left. Every step leaves a folder that can be loaded.

        Raises:
            UnsafeKey: as in `load`.
        """
        ring = cls.load(directory)
        if ring.log_signing.successor is None:
            fresh = LogSigningKey.from_seed(random(KEY_BYTES))
            _replace_private_file(directory / _NEXT_LOG, fresh.to_pem())
        else:
            _replace_private_file(directory / _RETIRED_LOG, _as_text(ring.log_signing.public_bytes))
            _sync_folder(directory)
            (directory / _NEXT_LOG).replace(directory / f"{_LOG_KEY}.pem")
        _sync_folder(directory)
        return cls.load(directory)

    @classmethod
    def replace_notification_key(cls, directory: Path) -> Self:
        """Put a new key in the place of the one that signs notices, also of one that is lost.

        Receivers fetch a key that they do not know, so it takes effect at once.

        Raises:
            UnsafeKey: as in `load`.
        """
        fresh = SigningKey.generate().to_pem()
        _replace_private_file(directory / "notification_signing.pem", fresh)
        _sync_folder(directory)
        return cls.load(directory)

    @classmethod
    def replace_log_key(cls, directory: Path, lost: bytes, *, random: RandomBytes) -> Self:
        """Put a new key of the log in the place of one that was lost or stolen, with all beside it.

        Where `lost` is not there any more, nothing is changed: so it can be repeated.

        Args:
            directory: of the key ring.
            lost: the public key of before, 32 bytes: the active one, the next or the retired.
            random: gives the new key.

        Raises:
            UnsafeKey: as in `load`.
        """
        path, following, retired = (
            directory / name for name in (f"{_LOG_KEY}.pem", _NEXT_LOG, _RETIRED_LOG)
        )
        present = _load_log_keys(directory) if path.exists() else None
        if present is None or lost in present.accepted:
            # Whoever had the one may have had the others. The lost one goes last: by it a run
            # that was broken off is known.
            if present is not None and lost in [key.public_bytes for key in present.at_work[1:]]:
                following.replace(path)
            following.unlink(missing_ok=True)
            if present is None or present.predecessor != LogVerifyingKey(lost):
                retired.unlink(missing_ok=True)
            _replace_private_file(path, LogSigningKey.from_seed(random(KEY_BYTES)).to_pem())
            retired.unlink(missing_ok=True)
            _sync_folder(directory)
        return cls.load(directory)

    @property
    def has_retired_data_key(self) -> bool:
        """Whether there is a retired key; a rotation that was broken off leaves the active one."""
        return self.data_encryption_retired not in (None, self.data_encryption)

    @property
    def token_keys(self) -> list[VerifyingKey]:
        """The public keys that an access token may be signed with: next, active, retired."""
        following = self.token_signing_next
        known = (
            following.verifying_key if following else None,
            self.token_signing.verifying_key,
            self.token_signing_retired,
        )
        # A rotation that was broken off leaves the active key among the retired.
        return list({key.kid: key for key in known if key is not None}.values())


def read_files(directory: Path) -> dict[str, bytes]:
    """The content of each file of a key ring by its name, for a copy that is kept safe.

    UnsafeKey: as in `load`.
    """
    _refuse_unknown_files(directory)
    return {
        name: _read_private_file(directory / name)
        for name in sorted(_FILES)
        if (directory / name).exists()
    }


@contextmanager
def staged(directory: Path, files: Mapping[str, bytes]) -> Iterator[KeyRing]:
    """The key ring of these files, which is put into its folder when the block ends well.

    The folder appears as a whole or not at all.

    Raises:
        UnsafeKey: it is no key ring, or the folder is there already and not empty: keys are
            never overwritten.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".new-keys-", dir=directory.parent) as staging:
        ring = Path(staging) / "ring"
        ring.mkdir(mode=0o700)
        for name in _FILES & files.keys():
            _write_private_file(ring / name, files[name])
        yield KeyRing.load(ring)
        _move_into_place(ring, directory)


def _new_keys(random: RandomBytes) -> dict[str, bytes]:
    keys = {f"{name}.key": _as_text(random(KEY_BYTES)) for name in _SYMMETRIC}
    keys |= {f"{name}.pem": SigningKey.generate().to_pem() for name in _TOKEN_KEYS}
    keys[_NEXT] = SigningKey.generate().to_pem()
    keys[f"{_LOG_KEY}.pem"] = LogSigningKey.from_seed(random(KEY_BYTES)).to_pem()
    keys[_NEXT_DATA] = _as_text(random(KEY_BYTES))
    return keys


def _as_text(key: bytes) -> bytes:
    return encode_base64url(key).encode()


def _write_private_file(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _replace_private_file(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there: it is the old one or the new one, whole."""
    # A name with a dot in front is left alone by `load`, should it ever stay behind.
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    _write_private_file(fresh, content)
    fresh.replace(path)


def _move_into_place(ring: Path, directory: Path) -> None:
    try:
        ring.rename(directory)  # succeeds only when nothing, or an empty folder, is there
    except OSError as error:
        raise UnsafeKey(f"{directory}: cannot put a new key ring here ({error.strerror})") from None
    _sync_folder(directory)
    _sync_folder(directory.parent)


def _sync_folder(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _refuse_unknown_files(directory: Path) -> None:
    try:
        present = sorted(path.name for path in directory.iterdir())
    except FileNotFoundError:
        raise UnsafeKey(
            f"{directory}: no keys are here: put them back from their copy (docs/runbook.md); for "
            "a new installation `throughcare init` makes them"
        ) from None
    except OSError as error:
        raise UnsafeKey(f"{directory}: {error.strerror}") from None
    for name in present:
        # Stores of mounted secrets keep their own bookkeeping in names with a dot in front.
        if name not in _FILES and not name.startswith("."):
            raise UnsafeKey(f"{directory / name}: not a file of a key ring")


def _load(path: Path, read: Callable[[bytes], _Loaded]) -> _Loaded:
    content = _read_private_file(path)
    try:
        return read(content)
    except CryptoError as error:
        raise UnsafeKey(f"{path}: {error}") from None


def _load_log_keys(directory: Path) -> LogSigningKey:
    """The active key of the log, with the one that takes over and the one of before."""
    return replace(
        _load(directory / f"{_LOG_KEY}.pem", LogSigningKey.from_pem),
        successor=_load_if_there(directory / _NEXT_LOG, LogSigningKey.from_pem),
        predecessor=_load_if_there(directory / _RETIRED_LOG, _read_log_public_key),
    )


def _load_if_there(path: Path, read: Callable[[bytes], _Loaded]) -> _Loaded | None:
    return _load(path, read) if path.exists() else None


def _read_private_file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())  # of the file that is open, not of its name
            if not stat.S_ISREG(status.st_mode) or status.st_mode & _OTHERS_MAY:
                raise UnsafeKey(f"{path}: must be a file that only its owner can read (0600)")
            return file.read(_MAX_FILE_BYTES)
    except FileNotFoundError:
        raise UnsafeKey(
            f"{path}: this key is missing: put it back from its copy (docs/runbook.md)"
        ) from None
    except OSError as error:
        raise UnsafeKey(f"{path}: {error.strerror}") from None


def _read_bytes(content: bytes) -> bytes:
    try:
        key = decode_base64url(content.decode("ascii").strip())
    except UnicodeDecodeError:
        raise UnsafeKey("not base64url") from None
    if len(key) != KEY_BYTES:
        raise UnsafeKey(f"a key here has {KEY_BYTES} bytes")
    return key


def _read_log_public_key(content: bytes) -> LogVerifyingKey:
    return LogVerifyingKey(_read_bytes(content))


def _read_token_key(content: bytes) -> SigningKey:
    key = SigningKey.from_pem(content)
    if key.algorithm != "ES256":
        raise UnsafeKey("the service signs with a P-256 key")
    return key


def _read_public_key(content: bytes) -> VerifyingKey:
    return VerifyingKey.from_jwk(read_json_object(content))
