import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.receiver.configuration import AgencyConfiguration
from app.receiver.errors import ConfigurationError
from app.receiver.new_agency import NewAgency, _toml, write_configuration


def test_what_is_written_reads_back(new_agency: NewAgency) -> None:
    assert AgencyConfiguration.from_file(new_agency.path) == new_agency.configuration


def test_every_file_is_for_its_owner_alone(new_agency: NewAgency) -> None:
    modes = {path.name: path.stat().st_mode & 0o777 for path in new_agency.path.parent.iterdir()}
    assert modes == {"agency.toml": 0o600, "signing.pem": 0o600, "decryption.pem": 0o600}
    assert new_agency.path.parent.stat().st_mode & 0o777 == 0o700


def test_what_is_registered_is_public_and_fits_the_private_keys(new_agency: NewAgency) -> None:
    [signing] = new_agency.jwks["keys"]
    configuration = new_agency.configuration
    assert signing == configuration.load_signing_key().public_jwk()
    assert new_agency.encryption_jwk == configuration.load_decryption_key().public_jwk()
    assert not {"d", "p", "q", "dp", "dq", "qi"} & (signing.keys() | new_agency.encryption_jwk)


def test_nothing_is_overwritten(new_agency: NewAgency) -> None:
    before = new_agency.configuration.signing_key_file.read_bytes()
    with pytest.raises(ConfigurationError, match=r"signing\.pem: File exists"):
        write_configuration(
            new_agency.path.parent,
            issuer="https://exchange.example",
            client_id="client-1",
            officer="officer-1",
            purpose="supervision",
            legal_basis="law-1",
        )
    assert new_agency.configuration.signing_key_file.read_bytes() == before


def test_a_setting_that_does_not_fit_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="endpoint: expected"):
        write_configuration(
            tmp_path / "agency",
            issuer="https://exchange.example",
            client_id="client-1",
            officer="officer-1",
            purpose="supervision",
            legal_basis="law-1",
            case="case-1",
            endpoint="http://agency.example/notifications",
        )
    assert not (tmp_path / "agency").exists()


@given(st.text(min_size=1).filter(str.isprintable))
def test_any_printable_text_survives_the_file(text: str) -> None:
    assert tomllib.loads(_toml({"case": text})) == {"case": text}
