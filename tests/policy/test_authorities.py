"""Named legal authorities: read strictly, part of the digest, open for their term alone."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path

import pytest

from app.activation.candidate import narrowed
from app.activation.loading import Terms
from app.activation.register import Standing
from app.policy.actions import of_the_catalogue
from app.policy.archive import Archive
from app.policy.authorities import read_authorities
from app.policy.bundle import Bundle
from app.policy.changes import Changes, changes
from app.policy.errors import PolicyError
from app.policy.loader import load_bundle
from app.policy.matrix import matrix
from app.policy.matrix_pages import to_html, to_markdown
from app.policy.overlays import load_country_bundle
from tests.policy.conftest import DAY, Plant

NAME = "xk/authorities.toml"
FIELDS: Mapping[str, str] = {
    "title": '"Supervision of conditions"',
    "citation": '"Law on planting, Article 4"',
    "role": '"police_local"',
    "parts": '["supervision", "identity.national_id_number"]',
    "purposes": '["condition_enforcement"]',
    "valid_from": "2027-01-01",
    "valid_until": "2027-12-31",
    "review_date": "2027-06-30",
    "illustrative": "false",
}
MORE = '["sentence"]'
PERMIT = """@id("P") @agreement("A") @legal_basis("L")
permit (
  principal in Role::"probation_service",
  action in Action::"grant:plan.programmes_completed:summary",
  resource
)
when { [Purpose::"supervision"].contains(context.purpose) };
"""


def text_of(id_: str = "XK-1", **changed: str | None) -> str:
    """The table of an authority; a member that is None is left out."""
    members = {**FIELDS, **changed}
    lines = [f"{key} = {value}" for key, value in members.items() if value is not None]
    return "\n".join(["# Illustration of nothing", f"[authorities.{id_}]", *lines, ""])


def read(text: str, *, allow_illustrative: bool = False) -> Mapping[str, object]:
    return read_authorities(NAME, text, of_the_catalogue(), allow_illustrative=allow_illustrative)


@pytest.fixture
def country(plant: Plant) -> Path:
    """A bundle with a country that has an authority and nothing else."""
    directory = plant(PERMIT)
    (directory / "xk").mkdir()
    (directory / "xk" / "authorities.toml").write_text(text_of())
    return directory


def load(directory: Path, *, at: date = DAY) -> Bundle:
    return load_country_bundle(directory, "xk", at=at, allow_illustrative=False)


def opened(bundle: Bundle, **changed: object) -> frozenset[str]:
    asked = {
        "role": "police_local",
        "agency": "police-1",
        "purpose": "condition_enforcement",
        "at": DAY,
        **changed,
    }
    return bundle.legal_authorities(**asked)  # type: ignore[arg-type]  # tests plant


def test_an_authority_opens_its_parts_to_its_recipient_for_its_purpose(country: Path) -> None:
    bundle = load(country)
    assert opened(bundle) == {"supervision", "identity.national_id_number"}
    assert opened(bundle, role="court_panel") == frozenset()
    assert opened(bundle, purpose="welfare_check") == frozenset()


def test_outside_its_dates_an_authority_does_not_count(country: Path) -> None:
    bundle = load(country)
    for day, counts in (
        (date(2026, 12, 31), False),
        (date(2027, 1, 1), True),
        (date(2027, 12, 31), True),
        (date(2028, 1, 1), False),
    ):
        assert bool(opened(bundle, at=day)) is counts


def test_an_authority_of_one_agency_opens_nothing_to_another(country: Path) -> None:
    (country / "xk" / "authorities.toml").write_text(text_of(role=None, agency='"police-1"'))
    bundle = load(country)
    assert opened(bundle)
    assert opened(bundle, agency="police-2") == frozenset()


def test_authorities_belong_to_the_digest(country: Path) -> None:
    before = load(country).digest
    assert before == Archive.read(country, "xk").digest
    (country / "xk" / "authorities.toml").write_text(text_of(review_date="2027-07-01"))
    assert before != load(country).digest == Archive.read(country, "xk").digest


@pytest.mark.parametrize(
    ("changed", "line", "said"),
    [
        ({"parts": '["supervision", "secrets"]'}, 6, "unknown part of the file: secrets"),
        ({"role": '"king"'}, 5, "unknown role: king"),
        ({"purposes": '["social_support"]'}, 7, "its recipient cannot pursue: social_support"),
        ({"citation": '" "'}, 4, "needs a citation"),
        ({"citation": None}, 2, "needs a citation"),
        ({"title": "7"}, 3, "needs a title"),
        ({"agency": '"police-1"'}, 2, "names one role or one agency"),
        ({"role": None}, 2, "names one role or one agency"),
        ({"parts": "[]"}, 6, "parts must list at least one text"),
        ({"valid_until": "2026-12-31"}, 9, "ends before it begins"),
        ({"valid_from": "2027-01-01T00:00:00Z"}, 8, "valid_from must be a date"),
        ({"review_date": None}, 2, "review_date must be a date"),
        (
            {"illustrative": "true"},
            11,
            "is illustrative, which only THROUGHCARE_ALLOW_ILLUSTRATIVE=true lets through",
        ),
        ({"illustrative": "1"}, 11, "illustrative must be true or false"),
        ({"note": '"x"'}, 12, "the key note is unknown"),
    ],
)
def test_a_bad_authority_is_refused_with_file_line_and_id(
    changed: dict[str, str | None], line: int, said: str
) -> None:
    with pytest.raises(PolicyError) as caught:
        read(text_of("XK-1") + text_of("XK-2", **changed))
    places = {(one.file, one.policy) for one in caught.value.findings}
    assert places == {(NAME, "XK-2")}
    offset = len(text_of("XK-1").splitlines())
    assert (offset + line, said) in [
        (one.line, one.message[-len(said) :]) for one in caught.value.findings
    ]


@pytest.mark.parametrize("text", ["[authorities", "[other]\n", "authorities = 7\n"])
def test_what_is_no_register_of_authorities_is_refused(text: str) -> None:
    with pytest.raises(PolicyError, match=r"authorities\.toml"):
        read(text)


def test_an_illustration_loads_where_the_setting_says_so() -> None:
    assert read(text_of(illustrative="true"), allow_illustrative=True).keys() == {"XK-1"}


def compare(country: Path, text: str | None) -> Changes:
    """What another text of the authorities changes; None takes the file away."""
    old = load(country)
    file = country / "xk" / "authorities.toml"
    if text is None:
        file.unlink()
    else:
        file.write_text(text)
    return changes(old, load(country), old_invariants={}, new_invariants={})


@pytest.mark.parametrize(
    ("text", "gains", "losses"),
    [
        (text_of(citation='"Law on planting, Article 5"'), 0, 0),
        (text_of() + text_of("XK-2", parts='["supervision"]'), 0, 0),
        (text_of() + text_of("XK-2", parts='["sentence"]'), 1, 0),
        (text_of(valid_until="2028-12-31"), 1, 0),
        (text_of(valid_from="2027-02-01"), 0, 1),
        (text_of(role='"court_panel"', purposes='["judicial_decision"]'), 1, 1),
        (None, 0, 1),
    ],
)
def test_an_authority_that_comes_or_goes_is_a_gain_or_a_loss(
    country: Path, text: str | None, gains: int, losses: int
) -> None:
    found = compare(country, text)
    assert (found.gains, found.losses) == (gains, losses)
    said = [one["change"] for one in found.to_json()["authorities"]]
    assert sorted(said) == ["gains"] * gains + ["loses"] * losses


def test_the_matrix_lists_the_authorities(country: Path) -> None:
    made = matrix(load(country), at=DAY)
    (listed,) = made.to_json()["authorities"]
    assert (listed["id"], listed["role"]) == ("XK-1", "police_local")
    for page in (to_markdown(made), to_html(made)):
        assert "Named legal authorities" in page
        assert "Law on planting, Article 4" in page
    base = load_bundle(country, at=DAY, allow_illustrative=False)
    assert "Named legal authorities" not in to_markdown(matrix(base, at=DAY))


def test_an_emergency_does_not_add_an_authority(country: Path) -> None:
    terms = Terms(at=DAY, allow_illustrative=False)
    old = Archive.read(country, "xk")
    (country / "xk" / "authorities.toml").write_text(text_of() + text_of("XK-2", parts=MORE))
    wider = Archive.read(country, "xk")
    standing = Standing(1, old.digest, "initial")
    with pytest.raises(PolicyError, match="XK-2: police_local gains an authority"):
        narrowed(standing, old, wider, terms)
    made = narrowed(standing, wider, old, terms)
    assert (made.changes.gains, made.changes.losses) == (0, 1)
