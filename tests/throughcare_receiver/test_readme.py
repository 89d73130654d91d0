"""The code in the library's README, run from top to bottom against a service."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.note import Verifier
from app.crypto.log_signing import LogSigningKey
from tests.receiver.service_stand_in import Sender, ServiceStandIn, served
from tests.throughcare_receiver.make_vectors import BODY, ENTRY, ORIGIN, Office, as_json
from throughcare_receiver.merkle import leaf_hash
from throughcare_receiver.sqlite_store import SqliteStore

README = Path(__file__).parent.parent.parent / "throughcare_receiver" / "README.md"
CLIENT = "welfare-centre-1"
SNIPPETS = re.findall(
    r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


@pytest.fixture
def service() -> Iterator[ServiceStandIn]:
    service = ServiceStandIn(sender=Sender(), client_id=CLIENT, client_jwks={})
    with served(service.app()) as address:
        service.issuer = address
        yield service


def the_log() -> dict[str, Any]:
    """What the last part takes for given: a disclosure with its receipt, and a proof."""
    office = Office(LogSigningKey.from_seed(bytes(range(32))))
    entry = office.entry()
    leaf = leaf_hash(entry["leaf"].encode())
    note = sign_checkpoint(Checkpoint(ORIGIN, 1, merkle.root([leaf])), office.log)
    return {
        "LOG_KEY": Verifier.of(ORIGIN, office.log).to_vkey(),
        "header": office.receipt(entry, due=datetime.now(UTC)),
        "body": BODY,
        "get": lambda path: {
            f"/v1/disclosures/{ENTRY}": as_json(entry),
            f"/log/proof/{ENTRY}": f"c2sp.org/tlog-proof@v1\nindex 0\n\n{note}".encode(),
        }[path],
    }


def test_the_readme_works_as_it_stands(
    service: ServiceStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.umask", lambda mask: mask)  # it would outlive the test
    scope: dict[str, Any] = the_log()
    for snippet in SNIPPETS:
        code = snippet.replace("https://exchange.example", service.issuer)
        exec(compile(code, str(README), "exec"), scope)  # noqa: S102 - the project's own README
    store: SqliteStore = scope["store"]
    assert store.due_receipts(at=datetime.now(UTC)) == ()

    service.client_jwks = scope["registration"]
    recipient = scope["decryption_key"].public_jwk()
    for claims in (service.verification_claims("v-1"), service.claims("n-1")):
        sealed = service.sender.notification({**claims, "aud": CLIENT}, recipient)
        assert scope["endpoint"](sealed) == (202, {})
    assert scope["endpoint"]("something else")[0] == 400
    scope["answer_everything"]()
    store.close()
    assert service.verifications["sub-1"]["nonce"] == "nonce-1"
    assert service.acknowledgements["n-1"]["kind"] == "accepted"


def test_the_readme_fits_on_a_page_and_a_half() -> None:
    text = re.sub(
        r"^```python\n.*?^```$", "", README.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert len(SNIPPETS) == 6
    assert len(text.split()) < 600
