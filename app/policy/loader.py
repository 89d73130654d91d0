"""Reads a bundle of policies from its directory, or says everything that is wrong with it.

    policies/
      schema.cedarschema   generated from the catalogue
      agreements.toml      agreements and legal bases
      base/*.cedar         one readable file for each role, and what nobody may
      invariants/*.cedar   what must hold already: decides nothing, and belongs to the digest

The only module of the policy that touches the disk. A bundle that has any finding is not
used at all: a policy left out may be a forbid.
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import cedarpy

from app.policy import agreements, checks, self_test
from app.policy.actions import Vocabulary, of_the_catalogue
from app.policy.agreements import Register
from app.policy.assembly import invalid, parse, read_folder, read_text
from app.policy.bundle import Bundle, make_bundle
from app.policy.cross_check import CrossCheck, Mode
from app.policy.errors import Finding, refuse
from app.policy.invariants import FOLDER as INVARIANTS
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.schema import schema_text
from app.policy.validation import validation_schema_text

SCHEMA_FILE = "schema.cedarschema"
BASE = "base"


@dataclass(frozen=True, slots=True)
class Base:
    """What all countries share, read and checked; `files` are its texts by name."""

    files: Mapping[str, str]
    vocabulary: Vocabulary
    schema: cedarpy.Schema
    register: Register
    policies: Mapping[str, Policy]


def load_bundle(
    directory: Path,
    *,
    at: date,
    allow_illustrative: bool,
    vocabulary: Vocabulary | None = None,
    cross_check: Mode = "always",
) -> Bundle:
    """The bundle of a directory, checked, with the masks as the engine derives them.

    Args:
        directory: holds the schema, the agreements and `base/`.
        at: the legal day of loading; a bundle with no permit in force on it is refused.
        allow_illustrative: whether placeholders for national law may be used.
        vocabulary: sections and fields; those of the catalogue if not given.
        cross_check: which decisions are held against the reference engine.

    Raises:
        PolicyError: with every finding: file, line where there is one, policy id.
    """
    base = read_base(directory, allow_illustrative=allow_illustrative, vocabulary=vocabulary)
    bundle = make_bundle(
        base.policies.values(),
        base.register,
        base.vocabulary,
        digest=digest(base.files),
        cross_check=CrossCheck(cross_check),
    )
    refuse_unusable(bundle, base.schema, at=at, place=BASE)
    return bundle


def read_base(
    directory: Path, *, allow_illustrative: bool, vocabulary: Vocabulary | None = None
) -> Base:
    """The policies of `base/` with their masks, each checked. Arguments as of `load_bundle`."""
    vocabulary = vocabulary or of_the_catalogue()
    files = read_files(directory)
    refuse(_drift(files[SCHEMA_FILE], vocabulary))
    register = agreements.read_register(
        files[agreements.FILE], allow_illustrative=allow_illustrative
    )
    policies = parse({name: text for name, text in files.items() if name.startswith(f"{BASE}/")})
    refuse(checks.check(policies, register, vocabulary))
    refuse(invalid(policies, cedarpy.Schema.from_str(validation_schema_text(vocabulary))))
    schema = cedarpy.Schema.from_str(files[SCHEMA_FILE])
    masked = {policy.id: policy for policy in with_masks(policies, vocabulary, schema)}
    return Base(files, vocabulary, schema, register, masked)


def refuse_unusable(bundle: Bundle, schema: cedarpy.Schema, *, at: date, place: str) -> None:
    """Raise `PolicyError` for a bundle that permits nothing, or whose forbids do not hold."""
    refuse(_nothing_in_force(bundle, place, at))
    refuse(self_test.failures(bundle, schema))


def read_files(directory: Path) -> Mapping[str, str]:
    """The texts of the bundle by relative name, sorted. Nothing may lie in its folders unread."""
    names = [SCHEMA_FILE, agreements.FILE]
    texts = {name: read_text(directory, name) for name in names}
    for folder in (BASE, INVARIANTS):
        texts |= read_folder(directory, folder)
    return dict(sorted(texts.items()))


def digest(files: Mapping[str, str]) -> str:
    """SHA-256, hexadecimal, over each file's name and text, both with their lengths in bytes."""
    hashed = hashlib.sha256()
    for name, text in sorted(files.items()):
        for part in (name.encode(), text.encode()):
            hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.hexdigest()


def _drift(schema: str, vocabulary: Vocabulary) -> Iterator[Finding]:
    if schema != schema_text(vocabulary):
        yield Finding(SCHEMA_FILE, 0, "", "is not the schema of the catalogue; write it anew")


def _nothing_in_force(bundle: Bundle, place: str, at: date) -> Iterator[Finding]:
    """An empty list is refused: it is a mistake far more often than a wish."""
    in_force = bundle.span(at).table.policies.values()
    if all(policy.is_forbid for policy in in_force):
        yield Finding(place, 0, "", f"no permit is in force on {at.isoformat()}")
