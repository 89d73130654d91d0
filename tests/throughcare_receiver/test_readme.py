"""The code in the library's README, run from top to bottom against a service."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, sign_checkpoint
from app.access_log.note import Verifier
from app.crypto.log_signing import LogSigningKey
from app.policy.roles import ROLE_PURPOSES
from tests.receiver.service_stand_in import Sender, ServiceStandIn, served
from tests.throughcare_receiver.make_vectors import BODY, ENTRY, ORIGIN, SECTIONS, Office, as_json
from throughcare_receiver.merkle import leaf_hash
from throughcare_receiver.sqlite_store import SqliteStore

README = Path(__file__).parent.parent.parent / "throughcare_receiver" / "README.md"
CLIENT = "welfare-centre-1"
LOG_KEY = "exchange.example/log+0a1b2c3d+AQ..."
SNIPPETS = re.findall(
    r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)


@pytest.fixture
def service() -> Iterator[ServiceStandIn]:
    service = ServiceStandIn(sender=Sender(), client_id=CLIENT, client_jwks={})
    with served(service.app()) as address:
        service.issuer = address
        yield service


@dataclass
class Log:
    """What the service has recorded of one file that was read, on a log of its own."""

    office: Office
    entry: dict[str, Any]

    @classmethod
    def of_one_read(cls) -> "Log":
        office = Office(LogSigningKey.from_seed(bytes(range(32))))
        grounds = {"purpose": "social_support", "legal_basis": "xk-law-1"}
        return cls(office, office.entry({**SECTIONS, "grounds": grounds}))

    @property
    def vkey(self) -> str:
        return Verifier.of(ORIGIN, self.office.log).to_vkey()

    def receipt(self, **of: Any) -> str:  # noqa: ANN401 - those of the office
        return self.office.receipt(self.entry, due=datetime.now(UTC), **of)

    def put_into(self, service: ServiceStandIn) -> None:
        leaf = leaf_hash(self.entry["leaf"].encode())
        note = sign_checkpoint(Checkpoint(ORIGIN, 1, merkle.root([leaf])), self.office.log)
        proof = f"c2sp.org/tlog-proof@v1\nindex 0\n\n{note}"
        service.headers["Disclosure-Receipt"] = self.receipt()
        service.held = {
            "/v1/inmate-files/ref-1": BODY,
            f"/v1/disclosures/{ENTRY}": as_json(self.entry),
            f"/log/proof/{ENTRY}": proof.encode(),
        }


def run(snippets: list[str], scope: dict[str, Any]) -> None:
    for snippet in snippets:
        exec(compile(snippet, str(README), "exec"), scope)  # noqa: S102 - the project's own README


def test_the_readme_works_as_it_stands(
    service: ServiceStandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("os.umask", lambda mask: mask)  # it would outlive the test
    log = Log.of_one_read()
    log.put_into(service)
    agreed = {"https://exchange.example": service.issuer, LOG_KEY: log.vkey}
    once, *rest = SNIPPETS
    scope: dict[str, Any] = {}
    run([once], scope)
    service.client_jwks = scope["registration"]
    # Another program than the one that made the keys: it has nothing but the files.
    scope = {}
    for text, agreed_text in agreed.items():
        assert text in rest[0]
        rest[0] = rest[0].replace(text, agreed_text)
    run(rest, scope)
    assert service.details[-1]["purpose"] in ROLE_PURPOSES["social_welfare_centre"]
    store: SqliteStore = scope["store"]
    assert store.due_receipts(at=datetime.now(UTC)) == ()
    assert scope["proof_of"]("0" * 32) is None

    recipient = scope["decryption_key"].public_jwk()
    for claims in (service.verification_claims("v-1"), service.claims("n-1")):
        sealed = service.sender.notification({**claims, "aud": CLIENT}, recipient)
        about_nobody = claims["jti"] == "v-1"
        log.entry = log.office.entry()
        receipt = None if about_nobody else log.receipt(body=sealed.encode())
        assert scope["endpoint"](sealed, receipt) == (202, {})
    assert scope["endpoint"]("something else", None)[0] == 400
    scope["answer_everything"]()
    gaps = store.gaps()
    assert (gaps.of_subscription, gaps.about_person) == ((), {})
    store.close()
    assert service.verifications["sub-1"]["nonce"] == "nonce-1"
    assert service.acknowledgements["n-1"]["kind"] == "accepted"


def test_the_readme_fits_on_a_page_and_a_half() -> None:
    text = re.sub(
        r"^```python\n.*?^```$", "", README.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE
    )
    assert len(SNIPPETS) == 6
    assert len(text.split()) < 600
