"""The two layers of an entry: a leaf that shows nothing, and sections that only keys open. Pure.

The leaf holds for each section an HMAC-SHA256 under a random salt of its own: a commitment
that nobody can guess at, and that binds. Section and salt are encrypted together, so that
destroying a key leaves a leaf that still proves its place and says nothing more.

A ciphertext holds JSON, {section: {"content", "salt"}}. What is the same in many entries, and much,
stands there as `deflated` instead of as `content` (docs/adr/0041).
"""

import hmac
import zlib
from base64 import b64encode
from binascii import a2b_base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple, Self

import orjson

from app.access_log import canonical_json
from app.access_log.canonical_json import JsonObject, Written
from app.access_log.entry import PERSONAL_SECTIONS, Entry
from app.access_log.merkle import leaf_hash
from app.crypto import at_rest
from app.crypto.key_encryption import KeyEncryptionKeys
from app.crypto.key_ring import KeyRing, RandomBytes

LEAF_VERSION = 1
ID_BYTES = 16
SALT_BYTES = 32

# Two ciphertexts an entry: what outlives an erasure, and what is destroyed by it.
RETAINED = "retained"
PERSONAL = "personal"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogKeys:
    """Keys of the log.

    Attributes:
        log_retention: seals the sections that outlive a person's erasure, 32 bytes.
        blind_index: makes the fingerprints under which entries are found, 32 bytes.
        key_encryption: wrap the keys per person and year.
    """

    log_retention: bytes = field(repr=False)
    blind_index: bytes = field(repr=False)
    key_encryption: KeyEncryptionKeys = field(repr=False)

    @classmethod
    def of(cls, ring: KeyRing) -> Self:
        """The keys of the log among all keys of the service."""
        return cls(
            log_retention=ring.log_retention,
            blind_index=ring.blind_index,
            key_encryption=ring.key_encryption,
        )

    def subject_index(self, person: str) -> str:
        """The keyed fingerprint under which the entries about a person are found."""
        return at_rest.blind_index(self.blind_index, "access log subject", person)

    def case_index(self, agency: str, case: str) -> str:
        """The keyed fingerprint of what an agency calls a case."""
        return at_rest.blind_index(self.blind_index, "access log case", agency, case)


class Opening(NamedTuple):
    """What opens a commitment: the canonical bytes of a section, and its salt."""

    content: bytes
    salt: bytes

    @property
    def commitment(self) -> bytes:
        """HMAC-SHA256 of the content under the salt. 32 bytes."""
        return hmac.digest(self.salt, self.content, "sha256")

    def to_json(self) -> dict[str, str]:
        """As it stands in exports and receipts: text, and base64 of the salt."""
        return {"content": self.content.decode(), "salt": b64encode(self.salt).decode()}


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedEntry:
    """An entry ready to be stored. The bytes of `leaf` are the truth and never written anew.

    `leaf_hash` is what stands in the tree.
    """

    id: str
    leaf: bytes
    leaf_hash: bytes
    retained: bytes
    personal: bytes | None
    openings: Mapping[str, Opening] = field(repr=False)


def seal_entry(
    entry: Entry,
    *,
    at: datetime,
    keys: LogKeys,
    person_key: bytes | None,
    random: RandomBytes,
    origin: str,
    policy_digest: str,
) -> SealedEntry:
    """Commit to each section and encrypt it.

    Args:
        entry: what happened.
        at: when it happened.
        keys: keys of the log.
        person_key: the key for this person and year, 32 bytes; None where nobody is known:
            then every section is kept for as long as the log.
        random: source of the id, the salts and the nonces.
        origin: the name of the log.
        policy_digest: digest of the policy bundle in force.
    """
    sections = entry.sections(at=at)
    # Drawn at once: each call of the system's generator costs as much as a commitment.
    salts = ID_BYTES + SALT_BYTES * len(sections)
    drawn = random(salts + at_rest.NONCE_BYTES * (1 if person_key is None else 2))
    entry_id, nonces = drawn[:ID_BYTES].hex(), drawn[salts:]
    openings = {
        name: Opening(canonical_json.encode(content), drawn[place : place + SALT_BYTES])
        for (name, content), place in zip(
            sections.items(), range(ID_BYTES, salts, SALT_BYTES), strict=True
        )
    }
    stored = {name: _stored(sections[name], opening) for name, opening in openings.items()}
    personal = None
    if person_key is not None:
        erased = {name: stored.pop(name) for name in PERSONAL_SECTIONS if name in stored}
        nonce = nonces[at_rest.NONCE_BYTES :]
        personal = _seal_group(entry_id, PERSONAL, erased, person_key, nonce)
    nonce = nonces[: at_rest.NONCE_BYTES]
    leaf = _leaf(entry_id, openings, origin=origin, policy_digest=policy_digest)
    return SealedEntry(
        id=entry_id,
        leaf=leaf,
        leaf_hash=leaf_hash(leaf),
        retained=_seal_group(entry_id, RETAINED, stored, keys.log_retention, nonce),
        personal=personal,
        openings=openings,
    )


def open_group(entry_id: str, group: str, blob: bytes, key: bytes) -> dict[str, Opening]:
    """The openings of one ciphertext. Raises DecryptionFailed for another key or altered bytes."""
    plaintext = at_rest.unseal(key, blob, _associated_data(entry_id, group))
    members: dict[str, dict[str, str]] = orjson.loads(plaintext)
    return {name: _restored(member) for name, member in members.items()}


def _stored(section: JsonObject | Written, opening: Opening) -> Mapping[str, str]:
    """A section as it stands in a ciphertext."""
    if isinstance(section, Written):
        return {"deflated": section.deflated, "salt": b64encode(opening.salt).decode()}
    return opening.to_json()


def _restored(member: Mapping[str, str]) -> Opening:
    if deflated := member.get("deflated"):
        content = zlib.decompress(a2b_base64(deflated))
    else:
        content = member["content"].encode()
    return Opening(content, a2b_base64(member["salt"]))


def _leaf(
    entry_id: str, openings: Mapping[str, Opening], *, origin: str, policy_digest: str
) -> bytes:
    return canonical_json.encode(
        {
            "version": LEAF_VERSION,
            "origin": origin,
            "id": entry_id,
            "policy": policy_digest,
            "commitments": {
                name: b64encode(opening.commitment).decode("ascii")
                for name, opening in openings.items()
            },
        }
    )


def _seal_group(
    entry_id: str, group: str, sections: Mapping[str, JsonObject], key: bytes, nonce: bytes
) -> bytes:
    plaintext = canonical_json.encode(sections)
    return at_rest.seal(key, plaintext, _associated_data(entry_id, group), nonce=nonce)


def _associated_data(entry_id: str, group: str) -> bytes:
    """Binds a ciphertext to its entry and group: moved elsewhere it does not open."""
    return f"access log entry/{entry_id}/{group}".encode()
