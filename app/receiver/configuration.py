"""Who this agency is: one TOML file, read into a frozen value.

    issuer = "https://exchange.example"      # base address of the service
    client_id = "probation-north-1"          # as the service registered this system
    officer = "officer-17"                   # on whose behalf it calls
    purpose = "supervision"                  # what for, and on which legal basis
    legal_basis = "xk-law-1"
    case = "P 12/2026"                       # optional: the case at hand
    endpoint = "https://agency.example/notifications"  # optional: where the service reaches us
    log_key = "exchange.example/log+0a1b2c3d+AQ..."    # the log's, from the agreement; or a list
    signing_key_file = "signing.pem"         # elliptic curve: who we are
    decryption_key_file = "decryption.pem"   # RSA: what notifications are sealed to
    store = "store"                          # folder of what was received

Paths count from the folder of the file. The key files must be readable by their owner alone.
"""

import tomllib
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from app.receiver.errors import ConfigurationError
from app.receiver.private_files import read_private_file
from throughcare_receiver.errors import NoteRefused, UnsafeKey
from throughcare_receiver.keys import DecryptionKey, SigningKey
from throughcare_receiver.note import LogKey

_OPTIONAL = frozenset({"case", "endpoint", "log_key"})
_PATHS = frozenset({"signing_key_file", "decryption_key_file", "store"})
_ADDRESSES = frozenset({"issuer", "endpoint"})
_MAX_TEXT = 2_048  # characters: a long address; everything else is shorter
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class AgencyConfiguration:
    """The configuration of one client of one agency. Keys are loaded when they are needed.

    Attributes:
        issuer: base address of the service, without a slash at its end.
        client_id: as registered with the service.
        signing_key_file: private EC key in PEM, on P-256 or P-384.
        decryption_key_file: private RSA key in PEM.
        officer: on whose behalf this client calls.
        purpose: what for.
        legal_basis: on which ground.
        store: folder of what was received.
        case: reference of the case at hand, where the agency names one.
        endpoint: public address of the notification endpoint; None means the address that
            the program listens at.
        log_key: names and public keys of the access log; more than one while it changes its
            key. With one nothing about a person is used that comes without the log's receipt;
            without any receipts are not looked at.
        file: that this was read from; no setting.
    """

    issuer: str
    client_id: str
    signing_key_file: Path
    decryption_key_file: Path
    officer: str
    purpose: str
    legal_basis: str
    store: Path
    case: str | None = None
    endpoint: str | None = None
    log_key: tuple[str, ...] = ()
    file: Path | None = field(default=None, compare=False)

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read a configuration file.

        Raises:
            ConfigurationError: naming the file, the setting, and what was expected.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise ConfigurationError(f"{path}: {error.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path}: not TOML ({error})") from None
        try:
            return replace(cls.from_values(values, folder=path.parent), file=path)
        except ConfigurationError as error:
            raise ConfigurationError(f"{path}: {error}") from None

    @classmethod
    def from_values(cls, values: dict[str, object], *, folder: Path) -> Self:
        """Check the settings of a file; relative paths count from `folder`.

        Raises:
            ConfigurationError: naming the setting, and what was expected.
        """
        known = {field.name for field in fields(cls)} - {"file"}
        for name in sorted(values.keys() - known):
            raise ConfigurationError(f"{name}: no such setting")
        for name in sorted(known - _OPTIONAL - values.keys()):
            raise ConfigurationError(f"{name}: is missing")
        listed = _texts("log_key", values.get("log_key", []))
        texts = {name: _text(name, values[name]) for name in values.keys() - {"log_key"}}
        for name in _ADDRESSES & texts.keys():
            check_address(name, texts[name])
        paths = {name: folder / texts.pop(name) for name in _PATHS}
        _log_of(listed)
        return cls(**texts, **paths, log_key=listed)  # type: ignore[arg-type]  # every field is text or path, by _PATHS

    @property
    def log(self) -> tuple[LogKey, ...]:
        """The keys of the access log that receipts must come from."""
        return _log_of(self.log_key)

    def load_signing_key(self) -> SigningKey:
        """The key that this client signs with.

        Raises:
            ConfigurationError: naming the file and what is wrong, never what is in it.
        """
        content = read_private_file(self.signing_key_file)
        try:
            return SigningKey.from_pem(content)
        except UnsafeKey as error:
            raise ConfigurationError(f"{self.signing_key_file}: {error}") from None

    def load_decryption_key(self) -> DecryptionKey:
        """The key that notifications to this client are sealed to.

        Raises:
            ConfigurationError: naming the file and what is wrong, never what is in it.
        """
        content = read_private_file(self.decryption_key_file)
        try:
            return DecryptionKey.from_pem(content)
        except UnsafeKey as error:
            raise ConfigurationError(f"{self.decryption_key_file}: {error}") from None


def _log_of(vkeys: tuple[str, ...]) -> tuple[LogKey, ...]:
    try:
        return tuple(LogKey.from_vkey(vkey) for vkey in vkeys)
    except NoteRefused as error:
        raise ConfigurationError(f"log_key: {error}") from None


def _texts(name: str, value: object) -> tuple[str, ...]:
    """One text, or a list of them."""
    return tuple(_text(name, one) for one in (value if isinstance(value, list) else [value]))


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ConfigurationError(f"{name}: expected a text that is not empty")
    if len(value) > _MAX_TEXT or not value.isprintable():
        raise ConfigurationError(f"{name}: expected at most {_MAX_TEXT} printable characters")
    return value


def check_address(name: str, text: str) -> None:
    """Hold an address to https; http only on this machine, where nobody else can listen.

    Raises:
        ConfigurationError: naming the setting, and what was expected.
    """
    try:
        parts = urlsplit(text)
        plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
        usable = bool(parts.hostname) and (plain or parts.scheme == "https") and parts.port != 0
    except ValueError:
        usable = False
    if not usable:
        raise ConfigurationError(f"{name}: expected an https address (http on loopback alone)")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(f"{name}: expected an address without user, query or fragment")
    if text.endswith("/"):
        # The issuer is compared character by character, and paths are put behind it.
        raise ConfigurationError(f"{name}: expected no slash at the end")
