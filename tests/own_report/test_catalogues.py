"""The catalogues: every message is in each of them, and what stands there can be said."""

import gettext
import re
from itertools import chain
from pathlib import Path
from string import Formatter

import pytest

from app.audit.own_report import NAMED_FIELDS, NAMED_ROLES
from app.own_report import catalogues
from app.own_report.catalogues import (
    ENGLISH,
    LANGUAGES,
    Message,
    is_reviewed,
    path_of,
    read_messages,
    translations,
)
from app.own_report.template import TEMPLATE, refreshed, template
from app.own_report.words import FORMS, MONTHS, PURPOSES, ROLES, SUMMARY, WAYS, Words, label
from app.policy.roles import ROLE_PURPOSES
from app.releases.profile import Profile
from tests.world import POLICIES

TRANSLATED = [language for language in LANGUAGES if language != ENGLISH]
SLAVIC = {1: 0, 2: 1, 4: 1, 5: 2, 11: 2, 12: 2, 21: 0, 22: 1, 25: 2, 111: 2}
TWO = {1: 0, 2: 1, 11: 1, 21: 1}
PLURALS = {
    **dict.fromkeys(("bs", "cnr", "hr", "sr"), SLAVIC),
    "sq": TWO,
    "mk": {1: 0, 2: 1, 11: 1, 21: 0, 111: 1},
    ENGLISH: TWO,
}


def placeholders(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text)} - {None}


def messages(language: str) -> list[Message]:
    return list(read_messages(path_of(language).read_text(encoding="utf-8")))


def profiles() -> list[Profile]:
    found = POLICIES.glob("*/profile.toml")
    return [Profile.from_toml(path.read_text(encoding="utf-8")) for path in found]


def test_the_template_and_every_catalogue_hold_the_messages_of_the_code() -> None:
    assert TEMPLATE.read_text(encoding="utf-8") == template(), "run `make messages`"
    for language in TRANSLATED:
        text = path_of(language).read_text(encoding="utf-8")
        assert refreshed(text) == text, f"{language}: run `make messages`"


def test_a_new_message_waits_for_its_translation_and_an_old_one_goes() -> None:
    text = path_of("sq").read_text(encoding="utf-8")
    changed = text.replace('"This report"', '"What this was once called"')
    again = refreshed(changed)
    assert 'msgid "This report"\nmsgstr ""\n' in again
    assert "What this was once called" not in again
    assert "Kush ka marrë" in again


def test_every_language_of_every_profile_is_begun_and_marked_as_not_reviewed() -> None:
    assert {language for one in profiles() for language in one.languages} == set(TRANSLATED)
    for language in TRANSLATED:
        assert "NOT REVIEWED" in path_of(language).read_text(encoding="utf-8").splitlines()[1]
        assert not is_reviewed(language)
    assert is_reviewed(ENGLISH)


@pytest.mark.parametrize("language", TRANSLATED)
def test_headings_forms_and_the_notice_are_translated(language: str) -> None:
    said = translations(language)
    same = {Words.AGENCY, Words.DATE}
    for text in chain(set(Words) - same, FORMS.values(), ROLES.values(), PURPOSES.values()):
        assert said.gettext(str(text)) != str(text), text
    assert len({said.gettext(month) for month in MONTHS}) == 12
    for counted in (SUMMARY, *WAYS.values()):
        assert said.ngettext(*counted, 1) not in counted


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_fills_in_what_the_english_words_fill_in(language: str) -> None:
    for one in messages(language)[1:]:
        for text in filter(None, one.translations):
            expected = placeholders(one.text)
            assert expected <= placeholders(text) <= expected | placeholders(one.plural), one.text


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_number_is_followed_by_the_plural_of_the_language(language: str) -> None:
    forms = (
        [one for one in messages(language) if one.text == SUMMARY.one]
        if (language != ENGLISH)
        else [Message(SUMMARY.one, SUMMARY.many, tuple(SUMMARY))]
    )
    for number, place in PLURALS[language].items():
        said = translations(language).ngettext(*SUMMARY, number)
        assert said == forms[0].translations[place], number


def test_what_is_not_translated_is_said_in_english() -> None:
    missing = [one for one in messages("sq") if not one.is_translated]
    assert missing, "Albanian is whole: take another language"
    assert translations("sq").gettext(missing[0].text) == missing[0].text


def test_every_agency_and_purpose_that_a_report_may_name_has_words() -> None:
    assert ROLES.keys() == NAMED_ROLES
    assert PURPOSES.keys() == {one for role in NAMED_ROLES for one in ROLE_PURPOSES[role]}
    assert all(label(path) for path in NAMED_FIELDS)
    assert {one.status for one in profiles()} == {Words.ILLUSTRATIVE}


def test_nothing_is_said_that_is_not_in_the_table_of_messages() -> None:
    source = (Path(catalogues.__file__).parent / "written.py").read_text(encoding="utf-8")
    assert source.count("self.say(Words.") > 20
    assert re.findall(r"(?:say|count)\(\s*[\"'f]", source) == []


def test_a_catalogue_is_read_as_translators_write_it(tmp_path: Path) -> None:
    text = """# A comment
msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"X-Reviewed: yes\\n"

#: a place
msgid "long "
"text"
msgstr "a \\"quoted\\"\\n"
"line"

#, fuzzy
msgid "guessed"
msgstr "wrongly"
#~ msgid "old"
"""
    (tmp_path / "xx/LC_MESSAGES").mkdir(parents=True)
    (tmp_path / "xx/LC_MESSAGES/messages.po").write_text(text, encoding="utf-8")
    read = list(read_messages(text))
    assert [one.text for one in read] == ["", "long text"]
    assert read[1].translations == ('a "quoted"\nline',)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(catalogues, "LOCALE", tmp_path)
        found = translations("xx")
        assert isinstance(found, gettext.GNUTranslations)
        assert found.gettext("long text") == 'a "quoted"\nline'
        assert found.gettext("guessed") == "guessed"
        assert is_reviewed("xx")


@pytest.mark.parametrize("line", ["msgid no quotes", '"a text of nothing"', "nonsense"])
def test_a_line_that_cannot_be_read_is_an_error(line: str) -> None:
    with pytest.raises(ValueError, match="not a line"):
        list(read_messages(f"{line}\n"))
