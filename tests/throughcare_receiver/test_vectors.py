"""The published vectors: the library, joserfc and jwcrypto find in them what they say."""

import base64
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from joserfc import jwe as joserfc_jwe
from joserfc import jws as joserfc_jws
from joserfc.jwk import KeySet as JoserfcKeySet
from jwcrypto.jwe import JWE  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jwk import JWK, JWKSet  # type: ignore[import-untyped] # it ships no types
from jwcrypto.jws import JWS  # type: ignore[import-untyped] # it ships no types

from tests.throughcare_receiver import make_vectors
from tests.throughcare_receiver.make_vectors import CLIENT, EVENT, FOLDER, ISSUER, Case
from tests.throughcare_receiver.notices import notice
from tests.throughcare_receiver.vectors import (
    cases,
    decryption_keys,
    published,
    sender_keys,
    signing_key,
)
from throughcare_receiver import errors
from throughcare_receiver.errors import ClaimRefused, NotificationRefused
from throughcare_receiver.inclusion import check_inclusion
from throughcare_receiver.note import LogKey
from throughcare_receiver.notification import Notification, open_notification
from throughcare_receiver.order import Gaps
from throughcare_receiver.receipt import Disclosed, Receipt, check_entry, check_receipt
from throughcare_receiver.signed import verify
from throughcare_receiver.statements import (
    Acknowledgement,
    acknowledgement,
    verification_response,
)
from throughcare_receiver.store import MemoryStore

NAMES = ("inclusion", "keys", "notifications", "order", "receipts", "statements")
NOW = datetime.fromtimestamp(published("notifications")["now"], UTC)
LOG = [LogKey.from_vkey(published("keys")["log"])]


def by_name(case: Case) -> str:
    return str(case["name"])


def opened(sealed: str) -> Notification:
    return open_notification(
        sealed,
        decryption_keys=decryption_keys(),
        sender_keys=sender_keys(),
        issuer=ISSUER,
        client_id=CLIENT,
        at=NOW,
    )


@pytest.mark.parametrize("case", cases("notifications", which="opens"), ids=by_name)
def test_a_good_notification_opens(case: Case) -> None:
    found = opened(case["sealed"])
    sequence = found.sequence
    assert case["opens"] == {
        "jti": found.jti,
        "txn": found.txn,
        "issued_at": int(found.issued_at.timestamp()),
        "reference": found.reference,
        "event_type": found.event_type,
        "event": found.event,
        "sequence": sequence and {"subscriber": sequence.subscriber, "person": sequence.person},
    }


@pytest.mark.parametrize("case", cases("notifications", which="refused"), ids=by_name)
def test_a_bad_notification_is_refused_as_what_it_is(case: Case) -> None:
    expected = case["refused"]
    with pytest.raises(NotificationRefused) as refusal:
        opened(case["sealed"])
    found = refusal.value
    assert (type(found).__name__, found.code) == (expected["error"], expected["code"])
    if isinstance(found, ClaimRefused):
        assert found.claim == expected["claim"]


def joserfc_opens(sealed: str) -> dict[str, Any]:
    keys = published("keys")
    ours = JoserfcKeySet.import_key_set({"keys": keys["decryption_keys"]})
    outer = joserfc_jwe.decrypt_compact(sealed, ours, algorithms=["RSA-OAEP-256", "A256GCM"])
    assert outer.plaintext is not None
    senders = JoserfcKeySet.import_key_set(keys["sender_jwks"])
    inner = joserfc_jws.deserialize_compact(outer.plaintext, senders, algorithms=["ES256"])
    claims: dict[str, Any] = json.loads(inner.payload)
    return claims


def jwcrypto_opens(sealed: str) -> dict[str, Any]:
    keys = published("keys")
    outer = JWE(algs=["RSA-OAEP-256", "A256GCM"])
    outer.deserialize(sealed)
    kid = json.loads(outer.objects["protected"])["kid"]
    outer.decrypt(*(JWK(**jwk) for jwk in keys["decryption_keys"] if jwk["kid"] == kid))
    inner = JWS()
    inner.allowed_algs = ["ES256"]
    inner.deserialize(outer.payload.decode())
    inner.verify(JWKSet.from_json(json.dumps(keys["sender_jwks"])))
    claims: dict[str, Any] = json.loads(inner.payload)
    return claims


@pytest.mark.parametrize("reader", [joserfc_opens, jwcrypto_opens])
@pytest.mark.parametrize("case", cases("notifications", which="opens"), ids=by_name)
def test_other_libraries_open_a_good_notification(
    case: Case, reader: Callable[[str], dict[str, Any]]
) -> None:
    claims, expected = reader(case["sealed"]), case["opens"]
    assert claims["jti"] == expected["jti"]
    assert claims["events"] == {EVENT + expected["event_type"]: expected["event"]}


@pytest.mark.parametrize("case", cases("statements"), ids=by_name)
def test_we_state_what_the_vectors_state(case: Case) -> None:
    claims = case["claims"]
    shared: dict[str, Any] = {"client_id": CLIENT, "issuer": ISSUER, "at": NOW}
    if "kind" in claims:
        kind = Acknowledgement(claims["kind"])
        token = acknowledgement(signing_key(), jti=claims["jti"], kind=kind, **shared)
    else:
        token = verification_response(
            signing_key(),
            subscription_id=claims["subscription_id"],
            nonce=claims["nonce"],
            **shared,
        )
    header, payload = token.split(".")[:2]
    assert json.loads(base64.urlsafe_b64decode(header + "==")) == case["header"]
    assert json.loads(base64.urlsafe_b64decode(payload + "==")) == claims


@pytest.mark.parametrize("case", cases("statements"), ids=by_name)
def test_the_statements_of_the_vectors_are_signed(case: Case) -> None:
    ours = {key: text for key, text in published("keys")["signing_key"].items() if key != "d"}
    keys = type(sender_keys()).from_jwks({"keys": [ours]})
    assert verify(case["token"], keys, typ=case["header"]["typ"]) == case["claims"]


def as_pair(numbers: range) -> list[int]:
    return [numbers.start, numbers.stop - 1] if numbers else []


@pytest.mark.parametrize("case", cases("order"), ids=by_name)
def test_order_is_told_as_the_vectors_tell_it(case: Case) -> None:
    store = MemoryStore()
    for came in case["arrivals"]:
        place = came["sequence"]
        told = notice(place["subscriber"], place["person"], about=came["reference"])
        arrival = store.add(told, at=NOW)
        assert arrival.is_new == came["is_new"]
        if arrival.placement is not None:
            assert as_pair(arrival.placement.skipped) == came["skipped"]
            assert as_pair(arrival.placement.skipped_about_person) == came["skipped_about_person"]
            assert arrival.placement.is_late == came["is_late"]
    gaps: Gaps = store.gaps()
    assert case["gaps"] == {
        "of_subscription": [as_pair(one) for one in gaps.of_subscription],
        "about_person": {
            about: [as_pair(one) for one in missing] for about, missing in gaps.about_person.items()
        },
    }


@pytest.mark.parametrize("case", cases("inclusion"), ids=by_name)
def test_a_proof_of_inclusion_is_judged_as_the_vectors_judge_it(case: Case) -> None:
    leaf = bytes.fromhex(case["leaf_hash"])
    if "refused" in case:
        with pytest.raises(getattr(errors, case["refused"])):
            check_inclusion(case["proof"], leaf_hash=leaf, log=LOG)
        return
    found = check_inclusion(case["proof"], leaf_hash=leaf, log=LOG)
    expected = case["checkpoint"]
    assert (found.origin, found.size) == (expected["origin"], expected["size"])
    assert found.root == base64.b64decode(expected["root"])


def judged(case: Case, names: Sequence[LogKey] = LOG) -> Receipt:
    """The receipt of a case, and its entry held to it; `names` are those that the log had."""
    given = published("receipts")["disclosed"]
    disclosed = Disclosed(**{**given, "body": base64.b64decode(given["body"])})
    receipt = check_receipt(case["receipt"], body=disclosed.body, log=LOG, at=NOW)
    if "entry" in case:
        check_entry(case["entry"].encode(), receipt=receipt, disclosed=disclosed, log=names)
    return receipt


@pytest.mark.parametrize("case", cases("receipts"), ids=by_name)
def test_a_receipt_is_judged_as_the_vectors_judge_it(case: Case) -> None:
    if "refused" in case:
        with pytest.raises(getattr(errors, case["refused"])):
            judged(case)
        return
    found = judged(case)
    assert case["holds"] == {
        "entry_id": found.entry_id,
        "leaf_hash": found.leaf_hash.hex(),
        "due_at": int(found.due_at.timestamp()),
    }


def test_an_entry_bears_a_name_that_the_log_had_before() -> None:
    """The log went on under a new name; the receipts of before are held to entries of before."""
    [case] = [one for one in cases("receipts") if one["name"] == "entry-of-another-log"]
    assert judged(case, [*LOG, LOG[0].named("other.example/log")]).entry_id


def test_the_vectors_are_what_their_script_makes_but_for_the_keys() -> None:
    def outline(cases: list[Case]) -> list[dict[str, Any]]:
        kept = ("name", "why", "opens", "refused", "arrivals", "gaps")
        return [{key: case[key] for key in kept if key in case} for case in cases]

    for name, content in make_vectors.all_vectors().items():
        assert outline(content.get("cases", [])) == outline(published(name).get("cases", []))


def test_no_two_vectors_have_one_name() -> None:
    for name in NAMES:
        names = sorted(case["name"] for case in published(name).get("cases", []))
        assert all(one != other for one, other in pairwise(names))


def test_the_published_keys_say_that_they_are_for_tests() -> None:
    assert published("keys")["warning"].startswith("TEST ONLY")
    for name in NAMES:
        assert "PRIVATE KEY" not in (FOLDER / f"{name}.json").read_text(encoding="utf-8")


def test_every_file_of_vectors_is_explained() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert [name for name in NAMES if f"`{name}.json`" not in readme] == []
    assert sorted(path.stem for path in FOLDER.glob("*.json")) == list(NAMES)
