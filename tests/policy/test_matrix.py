import json
import re
from datetime import date
from html.parser import HTMLParser

import pytest

from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.matrix import Matrix, for_role, matrix
from app.policy.matrix_pages import SHORT, to_html, to_markdown
from app.policy.policies import Policy
from app.policy.roles import ROLE_PURPOSES
from app.policy.self_test import most_favourable
from app.policy.wording import LETTERS, clauses, letters, window_in_words
from tests.policy.unchecked import agreement, bundle_of, forbid, permit, policies, register

DAY = date(2027, 3, 3)
NAME = "grant:identity.full_name:full"
CONSENT = 'context.consents.contains(Field::"identity.full_name")'


@pytest.fixture(scope="module")
def shipped(bundle: Bundle) -> Matrix:
    return matrix(bundle, at=DAY)


def cell(*texts: str, role: str = "police_ct") -> list[tuple[str, str, list[str]]]:
    """The ways to the full name: form, letters, exceptions in words."""
    ways = matrix(bundle_of(*texts), at=DAY).cells.get((role, "identity.full_name"), ())
    return [
        (way.form.code, letters(way.conditions), [clause.words for clause in way.unless])
        for way in ways
    ]


def words(condition: str) -> list[tuple[str, str]]:
    (policy,) = policies(permit("police_ct", NAME, condition))
    return [tuple(clause) for clause in clauses(policy.conjuncts)]  # type: ignore[misc]  # a pair


# -- what a cell says -------------------------------------------------------------------------


def test_a_cell_has_the_form_and_the_letters_of_its_conditions() -> None:
    assert cell(permit("police_ct", NAME, "context.assigned", "context.designated")) == [
        ("full", "N,D", [])
    ]


def test_a_forbid_that_always_holds_lowers_the_form() -> None:
    assert cell(permit("police_ct", NAME), forbid("block:identity:summary")) == [
        ("generalised", "", [])
    ]


def test_a_forbid_for_other_roles_does_not_matter() -> None:
    other = forbid("block:identity:existence", 'principal in Role::"ngo_mentor"')
    assert cell(permit("police_ct", NAME), other) == [("full", "", [])]


def test_a_forbid_that_may_hold_is_said() -> None:
    sometimes = forbid(
        "block:identity:full", '!(principal in Role::"ngo_mentor")', 'principal.agency == "one"'
    )
    (way,) = cell(permit("police_ct", NAME), sometimes)
    assert way == ("full", "", ['`principal.agency == "one"`'])


def test_a_cell_that_is_always_forbidden_is_left_out() -> None:
    assert cell(permit("police_ct", NAME), forbid("block:identity:existence")) == []


def test_a_way_that_another_covers_is_left_out() -> None:
    more = permit("police_ct", NAME, "context.assigned", id_="Q")
    lower = permit("police_ct", "grant:identity.full_name:summary", id_="R")
    assert cell(permit("police_ct", NAME), more, lower) == [("full", "", [])]
    assert cell(more, lower) == [("full", "N", []), ("summary", "", [])]


def test_a_policy_that_is_not_in_force_is_left_out() -> None:
    ended = bundle_of(permit("police_ct", NAME), of=register(agreement(last=date(2026, 1, 1))))
    assert matrix(ended, at=DAY).cells == {}


def test_no_request_gets_more_than_its_cell_says(shipped: Matrix, bundle: Bundle) -> None:
    fields = frozenset(FIELDS)
    for role, purposes in ROLE_PURPOSES.items():
        for purpose in purposes:
            request = most_favourable(role, purpose, fields=fields)
            for path, field in bundle.decide(request, at=DAY).fields.items():
                ways = shipped.cells.get((role, path), ())
                fitting = [way.form for way in ways if purpose in way.purposes]
                assert field.form == max(fitting, default=Form.NONE)


# -- words ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("context.assigned", [("N", "it accepted a referral of the person")]),
        ("!context.assigned", [("N", "not: it accepted a referral of the person")]),
        ("principal.agency == resource.custodian", [("own", "it keeps the file")]),
        (
            (
                "resource has return_municipality && "
                "principal.municipalities.contains(resource.return_municipality)"
            ),
            [("J", "the person returns to its territory")],
        ),
        ("resource has leave_municipality", [("", "a granted leave concerns a municipality")]),
        (
            (
                "context has days_to_release && context.days_to_release <= 30 && "
                "context.days_to_release > -181"
            ),
            [("T", "from 30 days before the release to 180 days after the release")],
        ),
        (CONSENT, [("C", "the person consented to it having `identity.full_name`")]),
        (
            'context.court_orders.contains(Part::"custody")',
            [("O", "a court order covers `custody` for it")],
        ),
        (
            "(context.assigned || (context.designated && context.incident))",
            [
                (
                    "N/D,T",
                    (
                        "either it accepted a referral of the person, or it is a designated, "
                        "trained unit and an escape, a failed return or a granted leave concerns it"
                    ),
                )
            ],
        ),
        (
            'principal.municipalities.containsAny(["one"])',
            [("", '`principal.municipalities.containsAny(["one"])`')],
        ),
        (
            'context.officer_assurance == OfficerAssurance::"proven"',
            [("", '`context.officer_assurance == OfficerAssurance::"proven"`')],
        ),
    ],
)
def test_conditions_are_said_in_words(condition: str, said: list[tuple[str, str]]) -> None:
    assert words(condition) == said


@pytest.mark.parametrize(
    ("first", "last", "said"),
    [
        (60, 31, "from 60 to 31 days before the release"),
        (-1, -180, "from 1 to 180 days after the release"),
        (30, -1, "from 30 days before the release to 1 day after the release"),
        (0, 0, "on the day of the release"),
        (7, 7, "7 days before the release"),
        (30, 0, "from 30 days before the release to the day of the release"),
        (None, 31, "from any time to 31 days before the release"),
        (-181, None, "from 181 days after the release on"),
    ],
)
def test_spans_of_days_are_said_in_words(first: int | None, last: int | None, said: str) -> None:
    assert window_in_words(first, last) == said


def test_a_condition_is_folded_for_a_role() -> None:
    def folded(condition: str, role: str = "police_ct") -> object:
        (policy,) = policies(forbid("block:identity:full", condition))
        (node,) = policy.conjuncts
        return for_role(node, role)

    assigned = {".": {"left": {"Var": "context"}, "attr": "assigned"}}
    assert folded('principal in [Role::"police_ct", Role::"ngo_mentor"]') is True
    assert folded('!(principal in Role::"police_ct")') is False
    assert folded('(principal in Role::"police_ct" || context.assigned)') is True
    assert folded('(principal in Role::"ngo_mentor" || context.assigned)') == assigned
    assert folded('!(principal in Role::"police_ct" && context.assigned)') == {
        "!": {"arg": assigned}
    }
    assert folded("(context.assigned || context.assigned)") == {
        "||": {"left": assigned, "right": assigned}
    }


# -- pages ------------------------------------------------------------------------------------


def test_the_json_has_every_role_and_field(shipped: Matrix, bundle: Bundle) -> None:
    content = json.loads(json.dumps(shipped.to_json()))
    assert content["digest"] == bundle.digest
    assert content["roles"] == list(ROLE_PURPOSES)
    assert content["fields"] == list(FIELDS)
    for found in content["cells"]:
        assert found["form"] == max((way["form"] for way in found["ways"]), key=Form.from_code)


def test_markdown_has_a_row_for_each_field_and_whole_tables(shipped: Matrix) -> None:
    page = to_markdown(shipped)
    for path in FIELDS:
        assert re.search(rf"^\| {path.partition('.')[2]} \|", page, re.MULTILINE)
    for table in re.findall(r"(?:^\|.*\n)+", page, re.MULTILINE):
        counts = {len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}
        assert len(counts) == 1


def test_every_policy_that_gives_something_is_on_the_page(shipped: Matrix) -> None:
    page = to_markdown(shipped)
    for ways in shipped.cells.values():
        for way in ways:
            assert f"| {way.policy.id} |" in page


def test_every_letter_of_a_cell_is_in_the_legend(shipped: Matrix) -> None:
    page = to_markdown(shipped)
    for letter in LETTERS:
        assert f"| {letter} |" in page
    assert SHORT.keys() == ROLE_PURPOSES.keys()


def test_what_is_illustrative_is_marked(shipped: Matrix) -> None:
    assert "illustrative, not legally reviewed" in to_markdown(shipped)


class Tags(HTMLParser):
    """Counts what is opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        del attrs
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_html_is_well_formed_and_escaped() -> None:
    (policy,) = policies(permit("police_ct", NAME, 'principal.agency == "<script>|*"'))
    assert isinstance(policy, Policy)
    made = matrix(bundle_of(permit("police_ct", NAME, 'principal.agency == "<script>|*"')), at=DAY)
    page = to_html(made)
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    assert "<script>" not in page
    assert "\\<script>\\|\\*" in to_markdown(made)


def test_a_role_that_receives_nothing_is_said_so(shipped: Matrix) -> None:
    _, _, after = to_markdown(shipped).partition("## NCO: national_coordinator")
    assert after.strip().startswith("Receives nothing.")
