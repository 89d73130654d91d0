"""Overlays of countries: what they may change, and that it is proved when they are loaded."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from app.files.forms import Form
from app.policy.bundle import Bundle
from app.policy.errors import PolicyError
from app.policy.invariants import read_invariants
from app.policy.loader import load_bundle, read_base
from app.policy.overlays import countries, load_country_bundle, read_overlay
from app.policy.prove_overlays import prove_overlay
from app.policy.request import Request
from tests.policy.unchecked import VOCABULARY, forbid, permit

SHIPPED = Path(__file__).parents[2] / "policies"
DAY = date(2027, 3, 3)
TERRITORY = (
    "resource has return_municipality && "
    "principal.municipalities.contains(resource.return_municipality)"
)
DAYS = "context has days_to_release && context.days_to_release"
NAME = "grant:identity.full_name:summary"


def window(days: int) -> str:
    return f"{DAYS} <= {days} && context.days_to_release >= -180"


BASE = (
    permit("police_local", NAME, TERRITORY, window(30))
    + forbid("block:health:existence", 'principal in Role::"police_local"')
    + permit("victim_support_service", NAME, "context.victim_registered", id_="V")
)
STATUTE = """
[legal_bases.LAW-7]
citation = "Law 7, Article 7"
illustrative = {illustrative}

[agreements.NATIONAL]
title = "National"
parties = ["police_local", "victim_support_service"]
citation = "National agreement"
valid_from = 2025-01-01
valid_until = 2030-12-31
review_date = 2027-12-31
legal_bases = ["LAW-7"]
illustrative = false
"""
Country = Callable[..., Bundle]


@pytest.fixture
def directory(plant: Callable[..., Path]) -> Path:
    return plant(BASE)


@pytest.fixture
def country(directory: Path) -> Country:
    """Writes an overlay and loads the bundle of the country."""

    def loaded(*texts: str, agreements: str = "", illustrative: bool = False) -> Bundle:
        folder = directory / "xk"
        folder.mkdir()
        (folder / "profile.toml").write_text("code = 'XK'")
        for number, text in enumerate(texts):
            (folder / f"own{number}.cedar").write_text(text)
        if agreements:
            (folder / "agreements.toml").write_text(agreements)
        return load_country_bundle(directory, "xk", at=DAY, allow_illustrative=illustrative)

    return loaded


def police(**facts: object) -> Request:
    known = {"municipalities": frozenset({"gjilan"}), "return_municipality": "gjilan"}
    return Request(
        role="police_local",
        agency="police",
        client="client",
        purpose="public_protection_local",
        custodian="prison",
        **{**known, **facts},  # type: ignore[arg-type]  # each fact has its own type
    )


def form(bundle: Bundle, request: Request) -> Form:
    return bundle.decide(request, at=DAY).fields["identity.full_name"].form


def national(text: str) -> str:
    return text.replace('"A"', '"NATIONAL"').replace('@legal_basis("L")', '@legal_basis("LAW-7")')


# -- narrower ---------------------------------------------------------------------------------


def test_a_country_without_an_overlay_has_the_base(directory: Path, country: Country) -> None:
    bundle = country()
    assert countries(directory) == ()
    base = load_bundle(directory, at=DAY, allow_illustrative=False)
    assert bundle.digest == base.digest


def test_a_forbid_of_a_country_narrows(country: Country) -> None:
    nobody = forbid("block:identity:existence", 'principal in Role::"police_local"', id_="XK-none")
    assert form(country(nobody), police(days_to_release=5)) is Form.NONE


def test_a_permit_of_the_same_id_stands_in_place_of_the_base(country: Country) -> None:
    bundle = country(permit("police_local", NAME, TERRITORY, window(14)))
    assert form(bundle, police(days_to_release=14)) is Form.SUMMARY
    assert form(bundle, police(days_to_release=15)) is Form.NONE


def test_the_digest_covers_the_overlay(directory: Path, country: Country) -> None:
    bundle = country(permit("police_local", NAME, TERRITORY, window(14)))
    assert countries(directory) == ("xk",)
    assert bundle.digest != load_bundle(directory, at=DAY, allow_illustrative=False).digest


def test_a_country_may_bind_its_own_law(country: Country) -> None:
    own = national(permit("police_local", NAME, TERRITORY, window(30)))
    bundle = country(own, agreements=STATUTE.format(illustrative="true"), illustrative=True)
    field = bundle.decide(police(days_to_release=5), at=DAY).fields["identity.full_name"]
    assert field.legal_bases == ("LAW-7",)


# -- wider ------------------------------------------------------------------------------------

WIDER = {
    "more days": permit("police_local", NAME, TERRITORY, window(60)),
    "a higher form": permit("police_local", "grant:identity.full_name:full", TERRITORY, window(30)),
    "another field": permit(
        "police_local", "grant:identity.sex_gender:full", TERRITORY, window(30), id_="XK-more"
    ),
    "another role": permit("court_panel", NAME, id_="XK-court"),
    "a wider place": permit(
        "police_local",
        NAME,
        "resource has leave_municipality && "
        "principal.municipalities.contains(resource.leave_municipality)",
        id_="XK-leave",
    ),
}


@pytest.mark.parametrize("text", WIDER.values(), ids=WIDER)
def test_an_overlay_that_widens_does_not_load(country: Country, text: str) -> None:
    with pytest.raises(PolicyError, match="widens the base without a cited statute") as raised:
        country(text)
    (finding, *_) = raised.value.findings
    assert (finding.file, finding.line) == ("xk/own0.cedar", 1)
    assert finding.policy


def test_an_illustration_is_no_statute(country: Country) -> None:
    text = national(permit("police_local", NAME, TERRITORY, window(60)))
    with pytest.raises(PolicyError, match="from 60 to 31 days before the release"):
        country(text, agreements=STATUTE.format(illustrative="true"), illustrative=True)


def test_a_statute_may_widen_where_every_invariant_holds(directory: Path, country: Country) -> None:
    with_invariants(directory)
    text = national(permit("victim_support_service", NAME, id_="XK-victims"))
    bundle = country(text, agreements=STATUTE.format(illustrative="false"))
    assert "XK-victims" in bundle.policies


def test_no_statute_overrules_an_invariant(directory: Path, country: Country) -> None:
    with_invariants(directory)
    text = national(permit("police_local", NAME, TERRITORY, window(60)))
    with pytest.raises(PolicyError, match="refutes the invariant 14-window-police"):
        country(text, agreements=STATUTE.format(illustrative="false"))


def with_invariants(directory: Path) -> None:
    (directory / "invariants").mkdir()
    for path in (SHIPPED / "invariants").iterdir():
        (directory / "invariants" / path.name).write_text(path.read_text())


# -- what an overlay may not touch ------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (forbid("block:health:full", id_="F"), "a forbid of the base stays"),
        (
            permit("police_local", NAME, TERRITORY, window(30), id_="F"),
            "a forbid of the base stays",
        ),
        (permit("victim_support_service", NAME), "a permit of the same role only"),
        (forbid("block:identity:full", id_="P"), "a permit of the same role only"),
        (BASE.partition("forbid")[0].partition("@id")[0] + "permit", "unexpected"),
        (forbid("block:identity:full", "context.assigned", id_="XK"), "which can be missing"),
        (permit("police_local", "grant:identity.nothing:full", window(3), id_="XK"), "nothing"),
        (2 * forbid("block:identity:full", id_="XK"), "another policy has the same @id"),
    ],
)
def test_an_overlay_is_held_to_the_rules_of_the_base(
    country: Country, text: str, message: str
) -> None:
    with pytest.raises(PolicyError, match=message) as raised:
        country(text)
    assert {finding.file for finding in raised.value.findings} == {"xk/own0.cedar"}


def test_agreements_of_a_country_are_named_with_their_folder(country: Country) -> None:
    with pytest.raises(PolicyError) as raised:
        country(agreements=STATUTE.format(illustrative="true"))
    assert {finding.file for finding in raised.value.findings} == {"xk/agreements.toml"}


def test_a_country_in_which_nothing_is_in_force_is_refused(country: Country) -> None:
    late = STATUTE.format(illustrative="false").replace("2025-01-01", "2030-01-01")
    texts = [
        national(permit("police_local", NAME, TERRITORY, window(30))),
        national(permit("victim_support_service", NAME, "context.victim_registered", id_="V")),
    ]
    with pytest.raises(PolicyError, match="no permit is in force"):
        country(*texts, agreements=late)


# -- proofs -----------------------------------------------------------------------------------


def test_proofs_of_an_overlay_name_the_country(directory: Path) -> None:
    (directory / "xk").mkdir()
    (directory / "xk" / "own.cedar").write_text(WIDER["more days"])
    base = read_base(directory, allow_illustrative=False)
    overlay = read_overlay(directory, "xk", base, at=DAY, allow_illustrative=False)
    invariants = read_invariants(SHIPPED, VOCABULARY)
    proofs = {proof.id: proof for proof in prove_overlay(overlay, invariants, at=DAY)}
    refuted = {id_ for id_, proof in proofs.items() if proof.status == "refuted"}
    assert refuted == {"xk:15-overlay", "xk:14-window-police"}
    assert proofs["xk:15-overlay"].witness is not None
    assert proofs["xk:15-overlay"].witness.request.days_to_release == 31
