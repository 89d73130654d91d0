from importlib import resources

import pytest

from app.files import iso_codes, lists
from app.files.code_lists import CodeList, Origin, grouped

ALL = [one for one in vars(lists).values() if isinstance(one, CodeList)]


def test_the_countries_are_those_of_the_time_zone_database() -> None:
    table = resources.files("tzdata.zoneinfo").joinpath("iso3166.tab").read_text(encoding="utf-8")
    published = {line.split("\t")[0] for line in table.splitlines() if not line.startswith("#")}
    assert set(iso_codes.COUNTRIES) == published


def test_kosovo_and_statelessness_can_be_recorded() -> None:
    for nationality in ("XK", "STATELESS", "MK"):
        assert lists.NATIONALITY.check(nationality) == nationality


def test_the_languages_of_the_region_can_be_recorded() -> None:
    for language in ("sq", "sr", "bs", "hr", "mk", "tr", "rom", "cnr"):
        assert lists.LANGUAGE.check(language) == language
    assert len(iso_codes.TWO_LETTER_LANGUAGES) == 183


@pytest.mark.parametrize("codes", ALL, ids=lambda one: one.title)
def test_a_group_never_tells_its_code(codes: CodeList) -> None:
    for members in codes.groups.values():
        assert len(members) > 1
    assert not set(codes.groups) & set(codes.codes)


def test_a_generalised_offence_does_not_single_out_terrorism() -> None:
    assert lists.OFFENCE.group_of("terrorism") == lists.OFFENCE.group_of("road_traffic") == "other"


def test_a_list_says_whose_it_is() -> None:
    for codes in ALL:
        assert str(codes.origin) in codes.json_schema()["description"]
    assert {codes.origin for codes in ALL} == set(Origin)


def test_a_group_of_one_is_refused() -> None:
    with pytest.raises(ValueError, match="fewer than two"):
        grouped("Made up", {"alone": "one", "several": "two three"})


def test_a_code_in_no_group_is_refused() -> None:
    with pytest.raises(ValueError, match="exactly one group"):
        CodeList("Made up", ("a", "b", "c"), Origin.PROPOSED, {"g": ("a", "b")})


def test_a_code_that_stands_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="twice"):
        CodeList("Made up", ("a", "a"), Origin.PROPOSED)
