"""Bundles that loading would refuse: what is proved must be refutable by wrong policies."""

from collections.abc import Mapping
from datetime import date

import cedarpy

from app.policy import engine
from app.policy.actions import of_the_catalogue
from app.policy.agreements import Agreement, LegalBasis, Register
from app.policy.authorities import LegalAuthority
from app.policy.bundle import Bundle, make_bundle
from app.policy.invariants import Invariant
from app.policy.masks import with_masks
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES
from app.policy.schema import schema_text
from app.policy.statements import cut

VOCABULARY = of_the_catalogue()
SCHEMA = cedarpy.Schema.from_str(schema_text(VOCABULARY))
HEAD = '@agreement("A") @legal_basis("L")'


def agreement(
    id_: str = "A", *, first: date = date(2025, 1, 1), last: date = date(2030, 12, 31)
) -> Agreement:
    return Agreement(
        id=id_,
        title="Planted",
        parties=frozenset(ROLE_PURPOSES),
        citation="Planted agreement",
        valid_from=first,
        valid_until=last,
        review_date=last,
        legal_bases=frozenset({"L"}),
        illustrative=False,
    )


def authority(
    id_: str = "PLANTED",
    *,
    article: int = 4,
    purpose: str = "condition_enforcement",
    first: date = date(2027, 1, 1),
    last: date = date(2027, 12, 31),
    review: date = date(2027, 6, 30),
) -> LegalAuthority:
    """An authority of the local police for the supervision."""
    return LegalAuthority(
        id=id_,
        title="Planted",
        citation=f"Law on planting, Article {article}",
        role="police_local",
        agency=None,
        parts=frozenset({"supervision"}),
        purposes=frozenset({purpose}),
        valid_from=first,
        valid_until=last,
        review_date=review,
    )


def register(*agreements: Agreement) -> Register:
    basis = LegalBasis(id="L", citation="Law on planted policies, Article 1", illustrative=False)
    found = agreements or (agreement(),)
    return Register({one.id: one for one in found}, {"L": basis})


def policies(*texts: str) -> tuple[Policy, ...]:
    """The policies of these texts with their masks, and no other check."""
    parsed = [
        Policy(statement, engine.parse(statement.text))
        for number, text in enumerate(texts)
        for statement in cut(f"planted{number}.cedar", text)
    ]
    return with_masks(parsed, VOCABULARY, SCHEMA)


def bundle_of(*texts: str, of: Register | None = None) -> Bundle:
    """A bundle of these texts."""
    return make_bundle(policies(*texts), of or register(), VOCABULARY, digest="planted")


def permit(
    role: str, action: str, *conditions: str, id_: str = "P", purpose: str | None = None
) -> str:
    """A permit of one action or grant group for a purpose of the role."""
    wanted = f'context.purpose == Purpose::"{purpose or ROLE_PURPOSES[role][0]}"'
    scope = "in" if action.startswith("grant:") else "=="
    return (
        f'@id("{id_}") {HEAD}\npermit (principal in Role::"{role}", '
        f'action {scope} Action::"{action}", resource)\n'
        f"when {{ {' && '.join([wanted, *conditions])} }};\n"
    )


def forbid(action: str, *conditions: str, id_: str = "F") -> str:
    """A forbid of one block group for everybody."""
    when = f"\nwhen {{ {' && '.join(conditions)} }}" if conditions else ""
    return (
        f'@id("{id_}") {HEAD}\nforbid (principal, action in Action::"{action}", resource){when};\n'
    )


def violating(invariant: Invariant) -> Mapping[str, str]:
    """For each role in the invariant's scope a permit of the highest action that it names."""
    place = invariant.policy.mask.bit_length() - 1
    path, _, form = VOCABULARY.actions[place].partition("#")
    action = f"grant:{path}:{form}" if form else path
    return {role: permit(role, action) for role in ROLE_PURPOSES if invariant.policy.concerns(role)}
