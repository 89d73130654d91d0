"""The report in words: the same in every way it is given, in every language, without codes."""

import io
import json
from dataclasses import replace
from datetime import date

import pytest
from pypdf import PdfReader

from app.audit.own_report import NAMED_FIELDS, OwnReport, Received
from app.files.catalogue import FIELDS
from app.files.forms import Form
from app.own_report.catalogues import ENGLISH, LANGUAGES, translations
from app.own_report.document import render
from app.own_report.words import Words
from app.own_report.written import SMALLEST, Written, write
from app.releases.profile import Profile
from tests.world import POLICIES

PROFILE = Profile.from_toml((POLICIES / "xk" / "profile.toml").read_text("utf-8"))
NOTICE = [word for word in Words if word.name.startswith("NOTICE_")]
READ = Received(
    agency_id="welfare-1",
    agency="Qendra e Gjilanit",
    role="social_welfare_centre",
    day=date(2027, 3, 3),
    channel="read",
    purpose="social_support",
    legal_bases=("illustrative:welfare", "Placeholder: national law on social welfare"),
    emergency=False,
    forms=(("identity.full_name", Form.FULL), ("needs.employment_need", Form.SUMMARY)),
)
REPORT = OwnReport(
    reference="P-17",
    custodian="Prison of the north",
    made_on=date(2027, 4, 1),
    received=(READ,),
    requested_on=(date(2027, 4, 1),),
)


def written(*received: Received, language: str = ENGLISH) -> Written:
    return write(replace(REPORT, received=received), PROFILE, language)


def text_of(*received: Received, language: str = ENGLISH) -> str:
    return written(*received, language=language).to_text().decode()


def test_who_received_what_in_which_form_when_why_and_on_what_basis() -> None:
    text = text_of(READ)
    for said in (
        "This report lists 1 agency that received information about you.",
        "Qendra e Gjilanit (social welfare centre)",
        "3 March 2027: it looked at information about you.",
        "Why: to give you social support.",
        "Legal basis: Placeholder: national law on social welfare",
        "In full: Full name",
        "As a summary: Employment",
        "Your reference is P-17.",
        "1 April 2027",
    ):
        assert said in text, said
    assert "identity." not in text
    assert "social_support" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ways_it_is_given_say_the_same_in_every_language(language: str) -> None:
    many = replace(READ, forms=tuple((path, Form.FULL) for path in sorted(NAMED_FIELDS)))
    report = written(READ, many, language=language)
    text, content = report.to_text().decode(), json.loads(report.to_json())
    printed = printed_of(report)
    assert content["language"] == language
    assert content["reviewed"] is (language == ENGLISH)
    assert (translations(language).gettext(Words.NOT_REVIEWED) in text) is (language != ENGLISH)
    for word in NOTICE:
        assert translations(language).gettext(word) in text
    for part in content["parts"]:
        for paragraph in (part["heading"], *part["paragraphs"]):
            assert paragraph in text
            assert "".join(paragraph.split()) in printed


def printed_of(report: Written) -> str:
    pages = PdfReader(io.BytesIO(render(report))).pages
    return "".join("".join(page.extract_text().split()) for page in pages)


def test_each_way_of_receiving_is_told_with_how_often() -> None:
    ways = {
        "read": "it looked at information about you 3 times",
        "push": "it was sent 3 sealed messages",
        "inbox": "it collected 3 sealed messages",
        "paper": "3 letters were made for it",
    }
    for channel, said in ways.items():
        assert f"3 March 2027: {said}." in text_of(replace(READ, channel=channel, times=3))


def test_an_emergency_and_what_cannot_be_read_any_more_are_told() -> None:
    assert "It was an emergency." in text_of(replace(READ, emergency=True))
    assert "can no longer be read" in text_of(replace(READ, forms=None))
    assert "emergency" not in text_of(READ)


def test_without_anything_to_list_the_notice_is_the_same() -> None:
    empty = written()
    assert "No agency is listed here." in empty.to_text().decode()
    assert empty.parts[-2:] == written(READ).parts[-2:]


def test_assessments_have_one_name_which_tells_of_no_kind_of_them() -> None:
    assessed = (
        ("risk_assessment.protective_factors", Form.GENERALISED),
        ("risk_assessment.risk_level_general", Form.SUMMARY),
    )
    text = text_of(replace(READ, forms=assessed))
    assert "As a summary: Assessments\n" in text
    for path, _ in assessed:
        assert FIELDS[path].label not in text


def test_the_number_of_disclosures_does_not_show_in_the_length() -> None:
    for report in (written(), written(*[READ] * 20)):
        assert len(report.to_json()) == len(report.to_text()) == SMALLEST


def test_a_profile_says_of_itself_what_it_is_worth() -> None:
    text = text_of()
    assert f"The rules of {PROFILE.name}: illustrative, not legally reviewed." in text
    assert PROFILE.name_note in text
