"""A configuration with new keys, and what the agency registers with the service: public keys."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.receiver.configuration import AgencyConfiguration
from app.receiver.private_files import make_private_folder, write_private_file
from throughcare_receiver.keys import DecryptionKey, SigningKey, public_jwks

CONFIGURATION_FILE = "agency.toml"
"""Name of the configuration in its folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAgency:
    """What `write_configuration` made.

    Attributes:
        path: the configuration file.
        configuration: what it says.
        jwks: public signing key as a JWK Set, for the registration of the client.
        encryption_jwk: public RSA key, which a subscription names.
    """

    path: Path
    configuration: AgencyConfiguration
    jwks: dict[str, Any]
    encryption_jwk: dict[str, str]


def write_configuration(  # noqa: PLR0913 - settings by name, and a key is passed in
    folder: Path,
    *,
    issuer: str,
    client_id: str,
    officer: str,
    purpose: str,
    legal_basis: str,
    case: str | None = None,
    endpoint: str | None = None,
    log_key: str | None = None,
    decryption: DecryptionKey | None = None,
) -> NewAgency:
    """Make keys and a configuration in a folder; every file is for its owner alone (0600).

    The keys are drawn from the operating system, unless the key to open with is given. Files
    that are there are never overwritten.

    Raises:
        ConfigurationError: a setting that does not fit, or a file that cannot be written.
    """
    settings = {
        "issuer": issuer,
        "client_id": client_id,
        "officer": officer,
        "purpose": purpose,
        "legal_basis": legal_basis,
        "signing_key_file": "signing.pem",
        "decryption_key_file": "decryption.pem",
        "store": "store",
    }
    settings |= {"case": case} if case is not None else {}
    settings |= {"endpoint": endpoint} if endpoint is not None else {}
    settings |= {"log_key": log_key} if log_key is not None else {}
    configuration = AgencyConfiguration.from_values({**settings}, folder=folder)
    make_private_folder(folder)
    signing, decryption = SigningKey.generate(), decryption or DecryptionKey.generate()
    write_private_file(configuration.signing_key_file, signing.to_pem())
    write_private_file(configuration.decryption_key_file, decryption.to_pem())
    path = folder / CONFIGURATION_FILE
    write_private_file(path, _toml(settings).encode("utf-8"))
    return NewAgency(
        path=path,
        configuration=configuration,
        jwks=public_jwks([signing]),
        encryption_jwk=decryption.public_jwk(),
    )


def _toml(settings: dict[str, str]) -> str:
    """Texts only, all printable: for these a JSON text is a basic string of TOML as it stands."""
    lines = [
        f"{name} = {json.dumps(text, ensure_ascii=False)}\n" for name, text in settings.items()
    ]
    return "".join(lines)
