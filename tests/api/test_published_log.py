"""The log over HTTP: what anybody can compute from its tiles, and a receipt held to its entry."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import Connection

from app.access_log import merkle
from app.access_log.checkpoint import Checkpoint, open_checkpoint
from app.access_log.findings import Finding, Promises
from app.access_log.note import Verifier
from app.access_log.proof import InclusionProof, verify_proof
from app.access_log.receipt import HEADER, from_header, open_receipt
from app.access_log.tile_paths import Place, format_place
from app.access_log.tile_verifier import verify_published
from app.access_log.vocabulary import Operation, Outcome
from app.access_log.vouching import Evidence
from app.administration.registry import OPERATOR
from app.disclosure.disclose import Disclosure, disclose
from app.house import Refusal
from app.main import log_verifier
from app.receiver.published_log import PublishedLog
from tests.api.exchange import (
    Exchange,
    Speaker,
    exchange_in,
    is_problem,
    sections_of,
    without_convictions,
)
from tests.world import World, ring
from throughcare_receiver.errors import ReceiptRefused
from throughcare_receiver.inclusion import check_inclusion
from throughcare_receiver.note import LogKey
from throughcare_receiver.promises import check_promises
from throughcare_receiver.receipt import Disclosed, Receipt, check_entry, check_receipt
from throughcare_receiver.store import MemoryStore


@pytest.fixture(scope="module")
def exchange(world: World) -> Iterator[Exchange]:
    with exchange_in(world) as exchange:
        yield exchange


@pytest.fixture(scope="module")
def log(world: World) -> Verifier:
    return log_verifier(world.settings, ring(world))


@pytest.fixture(scope="module")
def read(exchange: Exchange) -> tuple[Speaker, str]:
    """A welfare centre with a reference of its own for somebody."""
    prison = exchange.some("correctional_service")
    welfare = exchange.some("social_welfare_centre")
    reference = exchange.person(prison, without_convictions(sections_of("correctional_service")))
    return welfare, exchange.refer(prison, reference, welfare)


def checkpoint(world: World, log: Verifier, *, of_at_least: int = 1) -> Checkpoint:
    """The newest checkpoint, as soon as it is large enough."""
    deadline = time.monotonic() + 30
    while True:
        found = open_checkpoint(world.raw("GET", "/log/checkpoint").text, [log])
        if found.size >= of_at_least:
            return found
        assert time.monotonic() < deadline, "the log was not signed"
        time.sleep(0.02)


def proof_file(world: World, entry_id: str) -> str:
    """The proof of an entry, as soon as a checkpoint covers it."""
    deadline = time.monotonic() + 30
    while (answer := world.raw("GET", f"/log/proof/{entry_id}")).status_code == 404:
        assert time.monotonic() < deadline, "no checkpoint covered the entry"
        time.sleep(0.02)
    assert answer.status_code == 200
    return answer.text


def places(hashes: int) -> list[Place]:
    """The tiles of a level with so many hashes."""
    full, rest = divmod(hashes, 256)
    return [*(Place(n, 256) for n in range(full)), *([Place(full, rest)] if rest else [])]


def test_the_tiles_make_the_signed_root(world: World, exchange: Exchange, log: Verifier) -> None:
    del exchange
    signed = checkpoint(world, log)
    answers = [world.raw("GET", f"/log/tile/0/{format_place(p)}") for p in places(signed.size)]
    assert all(answer.headers["Cache-Control"].endswith("immutable") for answer in answers)
    hashes = merkle.split_hashes(b"".join(answer.content for answer in answers))
    assert merkle.root(hashes) == signed.root


def test_a_tile_that_no_checkpoint_covers_is_not_served(world: World, log: Verifier) -> None:
    size = checkpoint(world, log).size
    beyond = format_place(Place((size + 3 * 256) // 256, 256))
    for path in (f"0/{beyond}", "5/000", "6/000", "0/x000/000", "0/000.p/256"):
        assert world.raw("GET", f"/log/tile/{path}").status_code in (404, 422)


def test_auditors_alone_get_leaves_and_it_is_on_record(
    world: World, exchange: Exchange, log: Verifier, read: tuple[Speaker, str]
) -> None:
    auditor = exchange.agency("oversight_auditor")
    place = places(checkpoint(world, log).size)[0]
    path = f"/log/tile/entries/{format_place(place)}"
    bundle = auditor.call("GET", path).content
    hashes = []
    while bundle:
        length = int.from_bytes(bundle[:2])
        hashes.append(merkle.leaf_hash(bundle[2 : 2 + length]))
        bundle = bundle[2 + length :]
    tile = world.raw("GET", f"/log/tile/0/{format_place(place)}").content
    assert b"".join(hashes) == tile
    is_problem(read[0].call("GET", path), 403, "forbidden")
    assert world.raw("GET", path).status_code == 401
    beyond = format_place(Place(999, 256))
    is_problem(auditor.call("GET", f"/log/tile/entries/{beyond}"), 404, "not-found")
    entries = exchange.entries(client_id=f"{auditor.id}-1")
    asked = [entry.sections["fields"].get("tile") for entry in entries]
    assert asked == [format_place(place), beyond]


def test_a_receipt_is_kept(world: World, log: Verifier, read: tuple[Speaker, str]) -> None:
    welfare, reference = read
    answer = welfare.get(reference)
    receipt = open_receipt(from_header(answer.headers[HEADER]), [log])
    assert receipt.entry_id == answer.headers["Disclosure-Entry"]
    assert receipt.body_sha256 == hashlib.sha256(answer.content).digest()
    proof = InclusionProof.from_text(proof_file(world, receipt.entry_id))
    assert verify_proof(proof, receipt.leaf_hash, [log]).origin == receipt.origin
    shown = welfare.call("GET", f"/v1/disclosures/{receipt.entry_id}").json()
    assert merkle.leaf_hash(shown["leaf"].encode()) == receipt.leaf_hash
    committed = json.loads(shown["leaf"])["commitments"]
    for name, opening in shown["openings"].items():
        digest = hmac.digest(
            base64.b64decode(opening["salt"]), opening["content"].encode(), "sha256"
        )
        assert base64.b64encode(digest).decode() == committed[name]
    said = {name: json.loads(one["content"]) for name, one in shown["openings"].items()}
    assert said["reference"] == {"reference": reference}
    assert said["actor"]["client"] == f"{welfare.id}-1"
    assert said["payload"]["sha256"] == receipt.body_sha256.hex()
    body = answer.json()
    released = {f"{s}.{f}" for s, fields in body["released"].items() for f in fields}
    assert {one["field"] for one in said["fields"]["released"]} == released
    # What joins two agencies' knowledge, and what the decision was made from, stay shut.
    assert said.keys() == {
        "circumstances", "actor", "reference", "grounds", "fields", "payload"
    }  # fmt: skip
    assert committed.keys() - said.keys() == {"subject", "inputs"}


def test_the_receivers_library_holds_the_log_to_its_receipt(
    world: World, log: Verifier, read: tuple[Speaker, str]
) -> None:
    welfare, reference = read
    key, at = [LogKey.from_vkey(log.to_vkey())], world.clock()
    answer = welfare.get(reference)
    header, body = answer.headers[HEADER], answer.content
    receipt = check_receipt(header, body=body, log=key, at=at)
    released = answer.json()["released"].items()
    disclosed = Disclosed(
        client_id=f"{welfare.id}-1",
        reference=reference,
        purpose=answer.json()["purpose"],
        body=body,
        released=[f"{section}.{name}" for section, fields in released for name in fields],
    )
    proof = proof_file(world, receipt.entry_id)
    assert check_inclusion(proof, leaf_hash=receipt.leaf_hash, log=key).size > 0
    entry = welfare.call("GET", f"/v1/disclosures/{receipt.entry_id}").content
    check_entry(entry, receipt=receipt, disclosed=disclosed, log=key)
    with pytest.raises(ReceiptRefused, match="another body"):
        check_receipt(header, body=body + b" ", log=key, at=at)


def test_an_unchanged_answer_has_a_receipt_of_its_own(
    log: Verifier, read: tuple[Speaker, str]
) -> None:
    welfare, reference = read
    first = welfare.get(reference)
    again = welfare.get(reference, if_none_match=first.headers["ETag"])
    assert again.status_code == 304
    one, other = (
        open_receipt(from_header(answer.headers[HEADER]), [log]) for answer in (first, again)
    )
    assert one.body_sha256 == other.body_sha256
    assert one.entry_id != other.entry_id


def test_an_explanation_has_a_receipt(log: Verifier, read: tuple[Speaker, str]) -> None:
    welfare, reference = read
    answer = welfare.call("GET", f"/v1/inmate-files/{reference}/explanation")
    receipt = open_receipt(from_header(answer.headers[HEADER]), [log])
    assert receipt.body_sha256 == hashlib.sha256(answer.content).digest()


def test_nobody_sees_what_the_log_says_of_another_s_disclosure(
    world: World, exchange: Exchange, read: tuple[Speaker, str]
) -> None:
    welfare, reference = read
    entry = welfare.get(reference).headers["Disclosure-Entry"]
    proof_file(world, entry)
    for other in (exchange.some("police_local"), exchange.agency("social_welfare_centre")):
        answer = other.call("GET", f"/v1/disclosures/{entry}")
        is_problem(answer, 404, "not-found")
        nothing = other.call("GET", f"/v1/disclosures/{'0' * 32}")
        assert answer.json()["detail"] == nothing.json()["detail"]
        refused = exchange.entries(agency_id=other.id, outcome=Outcome.REFUSED)[-2:]
        assert [one.sections["fields"]["entry"] for one in refused] == [entry, "0" * 32]
    welfare.call("GET", f"/v1/disclosures/{entry}")
    [*_, shown] = exchange.entries(agency_id=welfare.id, operation=Operation.LOG_READ)
    assert shown.sections["fields"] == {"entry": entry}
    assert "subject" in shown.sections


def test_an_entry_that_is_not_there_has_no_proof(world: World) -> None:
    assert world.raw("GET", f"/log/proof/{'0' * 32}").status_code == 404
    assert world.raw("GET", "/log/proof/none").status_code == 422


class LetGo(Exception):
    """Rolls a disclosure back once it was made."""


def served_and_let_go(exchange: Exchange, read: tuple[Speaker, str], purpose: str) -> Disclosure:
    """What a dishonest service answers: body and receipt as always, and no entry in its log."""
    world, (welfare, reference) = exchange.world, read
    caller = replace(
        OPERATOR,
        agency_id=welfare.id,
        client_id=f"{welfare.id}-1",
        role=welfare.role,
        purpose=purpose,
        legal_basis=f"illustrative:{welfare.role}",
    )
    served: list[Disclosure | Refusal] = []

    def door(connection: Connection) -> None:
        served.append(
            disclose(connection, world.service.house, caller, reference, at=world.clock())
        )
        raise LetGo

    with pytest.raises(LetGo):
        world.service.database.run_blocking(door)
    [disclosure] = served
    assert isinstance(disclosure, Disclosure)
    return disclosure


def test_what_was_disclosed_and_left_out_of_the_log_is_caught_when_it_is_due(
    world: World, exchange: Exchange, log: Verifier, read: tuple[Speaker, str]
) -> None:
    welfare, reference = read
    key, now = [LogKey.from_vkey(log.to_vkey())], world.clock()
    honest = welfare.get(reference)
    dropped = served_and_let_go(exchange, read, honest.json()["purpose"])
    store = MemoryStore()
    # Nothing is wrong with either of them: body, receipt and signature fit.
    kept = check_receipt(honest.headers[HEADER], body=honest.content, log=key, at=now)
    owed = check_receipt(dropped.receipt, body=dropped.body, log=key, at=now)
    for receipt in (kept, owed):
        store.keep_receipt(receipt)
    proof_file(world, kept.entry_id)

    def proof_of(entry_id: str) -> str | None:
        answer = world.raw("GET", f"/log/proof/{entry_id}")
        return answer.text if answer.status_code == 200 else None

    def broken(at: datetime) -> list[Receipt]:
        found = check_promises(store, log=key, proof_of=proof_of, at=at)
        return [one.receipt for one in found]

    due = max(kept.due_at, owed.due_at)
    assert broken(now) == []
    assert broken(due) == broken(due) == [owed]
    with PublishedLog(world.settings.issuer) as published:

        def found(*receipts: Receipt, at: datetime = due) -> tuple[Finding | None, Promises]:
            notes = [receipt.note for receipt in receipts]
            evidence = Evidence(verifiers=[log], receipts=notes, at=at)
            report = verify_published(published.fetch, evidence, with_entries=False)
            return report.finding, report.promises

        assert found(kept) == (None, Promises(kept=1))
        assert found(kept, owed, at=now) == (None, Promises(kept=1, not_yet_due=1))
        assert found(kept, owed)[0] is Finding.BROKEN_PROMISE
