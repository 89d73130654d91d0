from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from app.policy.roles import ROLE_PURPOSES
from app.releases.profile import Profile, ProfileError
from app.releases.roles import ROLES

POLICIES = Path(__file__).parents[2] / "policies"
SMALLEST = """
code = "XX"
name = "Nowhere"
status = "illustrative, not legally reviewed"
time_zone = "Europe/Belgrade"
languages = ["en"]
[holidays]
"""


def test_the_profile_of_kosovo(xk: Profile) -> None:
    assert (xk.code, xk.name, xk.languages) == ("XK", "Kosovo*", ("sq", "sr"))
    assert "without prejudice to positions on status" in xk.name_note
    assert xk.lead_days == {
        "probation_service": 90,
        "social_welfare_centre": 60,
        "reintegration_unit": 90,
        "police_local": 30,
        "municipal_team": 30,
        "health_provider": 30,
        "employment_service": 30,
        "ngo_mentor": 14,
        "religious_counsellor": 14,
    }
    assert xk.leave_grace_hours == 4
    assert not xk.alarm_days


def test_the_profile_of_bosnia_and_herzegovina(ba: Profile) -> None:
    assert (ba.code, ba.time_zone.key) == ("BA", "Europe/Sarajevo")
    assert ba.lead_days["social_welfare_centre"] == 90
    assert ba.lead_days["police_local"] == ba.lead_days["employment_service"] == 30
    assert ba.alarm_days == {"social_welfare_centre": 8}


def test_a_profile_says_what_it_is_worth(profile: Profile) -> None:
    assert profile.status == "illustrative, not legally reviewed"


def test_lead_times_that_are_not_stated_are_those_of_the_roles() -> None:
    assert Profile.from_toml(SMALLEST).lead_days == {
        name: role.lead_days for name, role in ROLES.items()
    }
    stated = Profile.from_toml(SMALLEST + "[lead_days]\npolice_local = 14\n").lead_days
    assert (stated["police_local"], stated["probation_service"]) == (14, 90)


def test_a_profile_cannot_be_changed(profile: Profile) -> None:
    assert isinstance(profile.lead_days, MappingProxyType)
    assert isinstance(profile.alarm_days, MappingProxyType)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("code = ", "Invalid value"),
        (SMALLEST.replace('name = "Nowhere"', ""), "name: Field required"),
        (SMALLEST.replace("XX", "Kosovo"), "code"),
        (SMALLEST.replace("Belgrade", "Atlantis"), "time_zone"),
        (SMALLEST.replace('["en"]', "[]"), "languages"),
        (SMALLEST.replace("illustrative, not legally reviewed", ""), "status"),
        (SMALLEST + 'everyyear = ["01-01"]', "holidays.everyyear"),
        (SMALLEST + 'every_year = ["1 January"]', "MM-DD"),
        (SMALLEST + "[lead_days]\npolice = 30", "police"),
        (SMALLEST + "[lead_days]\npolice_local = 0", "lead_days.police_local"),
        (SMALLEST + "[lead_days]\npolice_local = 181", "lead_days.police_local"),
        (SMALLEST + '[lead_days]\npolice_local = "30"', "lead_days.police_local"),
        ("lead_days = 30" + SMALLEST, "lead_days"),
        (SMALLEST + "[alarm_days]\npolice_local = 30", "alarm_days"),
        (SMALLEST + "[alarm_days]\npolice = 8", "alarm_days"),
        (SMALLEST + "[lead_time]\npolice_local = 30", "lead_time"),
        (SMALLEST.replace("[holidays]", ""), "name them, or name `holidays` as unknown"),
        ('unknown = ["holidays"]' + SMALLEST, "name them, or name `holidays` as unknown"),
        (
            'unknown = ["court_panel"]' + SMALLEST + "[bodies.court_panel]\n"
            'name = "Court"\nsource = "a law"',
            "these have a body: court_panel",
        ),
        (SMALLEST + '[bodies.court_panel]\nname = "Court"', "source"),
    ],
)
def test_a_wrong_profile_is_refused_with_its_reason(text: str, told: str) -> None:
    with pytest.raises(ProfileError, match=told):
        Profile.from_toml(text)


def test_the_date_is_the_one_of_the_country(xk: Profile) -> None:
    assert xk.local_date(datetime(2027, 3, 27, 23, 30, tzinfo=UTC)) == date(2027, 3, 28)
    assert xk.local_date(datetime(2027, 3, 28, 22, 0, tzinfo=UTC)) == date(2027, 3, 29)


def test_an_instant_without_a_zone_has_no_date(xk: Profile) -> None:
    with pytest.raises(ValueError, match="time zone"):
        xk.local_date(datetime(2027, 3, 27, 12))  # noqa: DTZ001  what is refused


def test_where_holidays_are_not_known_weekends_alone_are_days_off() -> None:
    unknown = 'unknown = ["holidays"]' + SMALLEST.replace("[holidays]", "")
    profile = Profile.from_toml(unknown)
    assert not profile.knows_holidays
    assert profile.holidays.is_working_day(date(2027, 1, 1))
    assert not profile.holidays.is_working_day(date(2027, 1, 2))
    assert Profile.from_toml(SMALLEST).knows_holidays


@pytest.mark.parametrize(
    ("country", "zone", "lead", "holidays"),
    [
        ("al", "Europe/Tirane", (90, 60, 30), False),
        ("ba", "Europe/Sarajevo", (90, 90, 30), True),
        ("me", "Europe/Podgorica", (90, 60, 30), False),
        ("mk", "Europe/Skopje", (90, 60, 30), False),
        ("rs", "Europe/Belgrade", (90, 90, 30), False),
        ("xk", "Europe/Belgrade", (90, 60, 30), True),
    ],
)
def test_each_country_has_one_profile_and_says_what_is_not_known(
    country: str, zone: str, lead: tuple[int, ...], *, holidays: bool
) -> None:
    profile = Profile.from_toml((POLICIES / country / "profile.toml").read_text("utf-8"))
    assert profile.code == country.upper()
    assert profile.status == "illustrative, not legally reviewed"
    assert profile.time_zone.key == zone
    named = ("probation_service", "social_welfare_centre", "police_local")
    assert tuple(profile.lead_days[role] for role in named) == lead
    assert profile.knows_holidays is holidays
    assert profile.unknown
    assert "correctional_service" in profile.bodies
    assert all(body.source for body in profile.bodies.values())
    assert (profile.unknown | profile.bodies.keys()) - {"holidays"} <= ROLE_PURPOSES.keys()
