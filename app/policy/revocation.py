"""A bundle made narrower in an emergency: permits taken out, or a file of forbids put in. Pure."""

from collections.abc import Collection

from app.policy.archive import Archive
from app.policy.assembly import POLICY_SUFFIX
from app.policy.errors import Finding, PolicyError
from app.policy.loader import BASE
from app.policy.statements import cut

EMERGENCY = "emergency"


def without(archive: Archive, ids: Collection[str]) -> Archive:
    """The archive without the policies of these ids; all else stays as it is written.

    Raises:
        PolicyError: a policy is not there.
    """
    files = dict(archive.files)
    found: set[str] = set()
    for name, text in archive.files.items():
        if not name.endswith(POLICY_SUFFIX) or name in archive.invariants:
            continue
        kept = text
        for statement in cut(name, text):
            if statement.written_id in ids:
                kept = kept.replace(statement.text, "", 1)
                found.add(statement.written_id)
        files[name] = kept
    if missing := sorted(set(ids) - found):
        raise PolicyError(Finding(BASE, 0, id_, "is not in the bundle in force") for id_ in missing)
    return Archive.of(files, archive.country)


def with_forbids(archive: Archive, text: str) -> Archive:
    """The archive with one more file of policies."""
    number = sum(name.startswith(f"{BASE}/{EMERGENCY}-") for name in archive.files) + 1
    name = f"{BASE}/{EMERGENCY}-{number}{POLICY_SUFFIX}"
    return Archive.of({**archive.files, name: text}, archive.country)
