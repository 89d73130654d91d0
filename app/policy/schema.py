"""The Cedar schema, generated from the catalogue: `python -m app.policy.schema PATH`.

Roles, purposes, assurances, fields and parts (a section, or one of its fields) are enumerated
entities, so a misspelt one fails validation. Facts that may be missing are optional attributes,
or false, or empty; the file's values are not in it at all, so that no rule can depend on them.
"""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from app.files.forms import DISCLOSED_FORMS
from app.policy.actions import (
    READ_ACCESS_LOG,
    Vocabulary,
    block,
    contribute,
    grant,
    of_the_catalogue,
    parents_of_block,
    parents_of_grant,
    parents_of_release,
    release,
)
from app.policy.roles import PURPOSES, ROLE_PURPOSES

PROBE = "probe"

_HEADER = "// Generated from the catalogue of the inmate file: python -m app.policy.schema PATH\n"

_SHAPES = """
// A client speaks for one agency in one role. `municipalities` is the agency's territory.
entity Client in [Role] {
  agency: String,
  municipalities: Set<String>,
};

// The file by what is known about it without opening it. `leave_municipality` is there only
// while a granted leave concerns it.
entity InmateFile {
  custodian: String,
  return_municipality?: String,
  leave_municipality?: String,
};

// What is known of this client's agency and this person at the moment of asking. A fact that is
// not recorded is false or empty.
//
// `days_to_release` is counted once, in the legal time zone; negative after the release.
// `support_open`: the last day of support after the release is not over.
// T `incident`: an escape, a failed return or a granted leave in its territory concerns it.
// N `assigned`: it accepted a referral.           D `designated`: it is a trained, named unit.
// K `child_linked`: a child of its care is linked to the case.
// V `victim_registered`: a victim opted in, or a danger was assessed.
// X `transfer_approved`: two people approved this transfer after its test.
// C `consents`: fields that the person consented to, for it and this purpose;
//   `relative_consents`: fields about a relative that the relative consented to.
// W `vital_interest`: fields that a recorded grant opens to it now.
// O `court_orders`: parts of the file that a case-specific order covers.
// L `legal_authorities`: parts of the file that a named legal authority opens to it.
type Circumstances = {
  purpose: Purpose,
  officer_assurance: OfficerAssurance,
  days_to_release?: Long,
  support_open: Bool,
  incident: Bool,
  assigned: Bool,
  designated: Bool,
  child_linked: Bool,
  victim_registered: Bool,
  transfer_approved: Bool,
  consents: Set<Field>,
  relative_consents: Set<Field>,
  vital_interest: Set<Field>,
  court_orders: Set<Part>,
  legal_authorities: Set<Part>,
};
"""

_APPLIES = "appliesTo { principal: [Client], resource: [InmateFile], context: Circumstances }"


def schema_text(vocabulary: Vocabulary) -> str:
    """The whole schema in Cedar's own syntax."""
    return _HEADER + _entities(vocabulary) + "\n" + "\n".join(_actions(vocabulary)) + "\n"


def probe_schema_text(vocabulary: Vocabulary) -> str:
    """The same entities with one action, `probe`: small, because it is read at each decision."""
    return _entities(vocabulary) + f'action "{PROBE}" {_APPLIES};\n'


def _entities(vocabulary: Vocabulary) -> str:
    return (
        _enumeration("Role", ROLE_PURPOSES)
        + _enumeration("Purpose", PURPOSES)
        + _enumeration("OfficerAssurance", ("asserted", "proven"))
        + _enumeration("Field", vocabulary.fields)
        + _enumeration("Part", (*vocabulary.owners, *vocabulary.fields))
        + _SHAPES
    )


def _enumeration(name: str, members: Iterable[str]) -> str:
    return f"entity {name} enum [\n" + ",\n".join(f'  "{member}"' for member in members) + "\n];\n"


def _actions(vocabulary: Vocabulary) -> Iterator[str]:
    for section in vocabulary.owners:
        yield f"\n// {section}"
        for form in DISCLOSED_FORMS:
            yield _action(block(section, form), parents_of_block(section, form))
        for path in vocabulary.fields:
            if path.startswith(f"{section}."):
                yield from _field_actions(path)
        yield _action(contribute(section), (), applies=True)
    yield "\n" + _action(READ_ACCESS_LOG, (), applies=True)


def _field_actions(path: str) -> Iterator[str]:
    for form in DISCLOSED_FORMS:
        yield _action(grant(path, form), parents_of_grant(path, form))
        yield _action(block(path, form), parents_of_block(path, form))
        yield _action(release(path, form), parents_of_release(path, form), applies=True)


def _action(name: str, parents: Iterable[str], *, applies: bool = False) -> str:
    groups = ", ".join(f'"{parent}"' for parent in parents)
    member = f" in [{groups}]" if groups else ""
    return f'action "{name}"{member}' + (f" {_APPLIES}" if applies else "") + ";"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(of_the_catalogue()), encoding="utf-8")
