from dataclasses import fields

import pytest

from app.policy.errors import PolicyError
from app.policy.facts import Fact, read_facts
from app.policy.request import Request

SHAPES = """
entity Purpose enum ["a", "b"];
entity Client in [Role] { agency: String, municipalities: Set<String> }; // a { comment: Long }
type Circumstances = {
  purpose: Purpose,
  days_to_release?: Long,
};
"""


def test_facts_are_read_with_their_types() -> None:
    facts = read_facts(SHAPES)
    assert list(facts.by_path.values()) == [
        Fact("principal", "agency", "String", many=False, optional=False),
        Fact("principal", "municipalities", "String", many=True, optional=False),
        Fact("context", "purpose", "Purpose", many=False, optional=False),
        Fact("context", "days_to_release", "Long", many=False, optional=True),
    ]
    assert facts.members == {"Purpose": {"a", "b"}}


def test_every_fact_of_a_request_is_in_the_schema_and_the_other_way_round(schema: str) -> None:
    names = [fact.name for fact in read_facts(schema).by_path.values()]
    assert sorted(names) == sorted({f.name for f in fields(Request)} - {"role", "client"})


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("agency: String", "agent: String", "`principal.agent` is no fact of a request"),
        ("agency: String", "agency: ipaddr", "`agency` has a type"),
        ("agency: String", "agency: Set<Long>", "`agency` has a type"),
        ("purpose: Purpose", "purpose?: Set<Purpose>", "`purpose` has a type"),
        ("purpose: Purpose", "purpose: Reason", "`purpose` has a type"),
        ("Circumstances =", "Oddities =", "`purpose` has a type"),
        ("purpose: Purpose", "purpose Purpose", "`purpose Purpose` cannot be read"),
        ("purpose: Purpose", "@odd purpose: Purpose", "cannot be read as an attribute"),
    ],
)
def test_what_cannot_be_compiled_for_is_refused(old: str, new: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        read_facts(SHAPES.replace(old, new))
