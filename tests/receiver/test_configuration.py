from pathlib import Path

import pytest

from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ConfigurationError
from app.receiver.new_agency import NewAgency

GOOD = {
    "issuer": "https://exchange.example",
    "client_id": "client-1",
    "officer": "officer-1",
    "purpose": "supervision",
    "legal_basis": "law-1",
    "signing_key_file": "signing.pem",
    "decryption_key_file": "decryption.pem",
    "store": "store",
}


def _read(values: dict[str, object]) -> AgencyConfiguration:
    return AgencyConfiguration.from_values(values, folder=Path("/agency"))


def test_paths_count_from_the_folder_of_the_file() -> None:
    configuration = _read({**GOOD, "decryption_key_file": "/keys/decryption.pem"})
    assert configuration.signing_key_file == Path("/agency/signing.pem")
    assert configuration.decryption_key_file == Path("/keys/decryption.pem")


def test_what_is_optional_may_be_absent() -> None:
    assert (_read({**GOOD}).case, _read({**GOOD}).endpoint) == (None, None)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_what_is_required_and_missing_is_named(name: str) -> None:
    values: dict[str, object] = {key: value for key, value in GOOD.items() if key != name}
    with pytest.raises(ConfigurationError, match=f"{name}: is missing"):
        _read(values)


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(ConfigurationError, match="pupose: no such setting"):
        _read({**GOOD, "pupose": "supervision"})


@pytest.mark.parametrize("value", ["", "  ", 7, ["a"], "a\x00b", "a" * 3_000])
def test_a_setting_must_be_printable_text(value: object) -> None:
    with pytest.raises(ConfigurationError, match="officer: expected"):
        _read({**GOOD, "officer": value})


@pytest.mark.parametrize(
    "issuer",
    [
        "http://exchange.example",
        "ftp://exchange.example",
        "exchange.example",
        "https://",
        "https://user@exchange.example",
        "https://exchange.example/?a=b",
        "https://exchange.example/#a",
        "https://exchange.example/",
        "https://exchange.example:99999",
        "https://[::1",
    ],
)
def test_an_address_must_be_https_and_bare(issuer: str) -> None:
    with pytest.raises(ConfigurationError, match="issuer: expected"):
        _read({**GOOD, "issuer": issuer})


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:8000", "http://[::1]:8000", "https://a.example"]
)
def test_plain_http_is_for_this_machine_alone(issuer: str) -> None:
    assert _read({**GOOD, "issuer": issuer}).issuer == issuer


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"agency\.toml: No such file"):
        AgencyConfiguration.from_file(tmp_path / "agency.toml")


@pytest.mark.parametrize("content", [b"issuer = ", b"\xff\xfe"])
def test_a_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "agency.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigurationError, match=r"agency\.toml: not TOML"):
        AgencyConfiguration.from_file(path)


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "agency.toml"
    path.write_text('issuer = "https://exchange.example"\n')
    with pytest.raises(ConfigurationError, match=r"agency\.toml: client_id: is missing"):
        AgencyConfiguration.from_file(path)


def test_a_key_that_others_may_read_is_refused(new_agency: NewAgency, tmp_path: Path) -> None:
    key = tmp_path / "signing.pem"
    key.write_bytes(new_agency.configuration.signing_key_file.read_bytes())
    key.chmod(0o640)
    configuration = AgencyConfiguration.from_values({**GOOD}, folder=tmp_path)
    with pytest.raises(ConfigurationError, match=r"signing\.pem: only its owner"):
        configuration.load_signing_key()


def test_a_key_that_is_not_there_is_named(tmp_path: Path) -> None:
    configuration = AgencyConfiguration.from_values({**GOOD}, folder=tmp_path)
    with pytest.raises(ConfigurationError, match=r"decryption\.pem: No such file"):
        configuration.load_decryption_key()


def test_a_key_of_the_other_kind_is_refused(new_agency: NewAgency, tmp_path: Path) -> None:
    right = new_agency.configuration
    crossed = {
        **GOOD,
        "signing_key_file": str(right.decryption_key_file),
        "decryption_key_file": str(right.signing_key_file),
    }
    configuration = AgencyConfiguration.from_values({**crossed}, folder=tmp_path)
    with pytest.raises(ConfigurationError, match="elliptic-curve"):
        configuration.load_signing_key()
    with pytest.raises(ConfigurationError, match="RSA"):
        configuration.load_decryption_key()
