"""A report put in words, in one language: parts with a heading and paragraphs. Pure.

Text, JSON and PDF say the same: each is made of these parts.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from gettext import NullTranslations
from itertools import groupby

import orjson

from app.audit.own_report import OwnReport, Received
from app.files.forms import Form
from app.files.padding import padded
from app.own_report.catalogues import is_reviewed, translations
from app.own_report.words import (
    FORMS,
    MONTHS,
    PURPOSES,
    ROLES,
    SUMMARY,
    WAYS,
    Counted,
    Words,
    label,
)
from app.releases.profile import Profile

# Bytes. Whoever watches the network is not to see how often somebody was asked about.
SMALLEST = 32_768


@dataclass(frozen=True, slots=True)
class Part:
    """A heading and its paragraphs; a paragraph may have several lines."""

    heading: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A report in words. `reviewed` says whether somebody has reviewed the translation."""

    language: str
    reviewed: bool
    made_on: date
    title: str
    parts: tuple[Part, ...]

    def to_json(self) -> bytes:
        """As a JSON object, padded."""
        return padded(orjson.dumps(asdict(self)), smallest=SMALLEST)

    def to_text(self) -> bytes:
        """As plain text in UTF-8, padded."""
        lines = [self.title, "=" * len(self.title), ""]
        for part in self.parts:
            lines += [part.heading, "-" * len(part.heading), ""]
            for paragraph in part.paragraphs:
                lines += [paragraph, ""]
        return padded("\n".join(lines).encode(), smallest=SMALLEST)


def write(report: OwnReport, profile: Profile, language: str) -> Written:
    """A report in the words of one of `catalogues.LANGUAGES`."""
    writer = _Writer(translations(language), profile, reviewed=is_reviewed(language))
    return Written(
        language=language,
        reviewed=is_reviewed(language),
        made_on=report.made_on,
        title=writer.say(Words.TITLE),
        parts=tuple(writer.parts(report)),
    )


@dataclass(frozen=True, slots=True)
class _Writer:
    """Says things in one language, by the rules of one country."""

    messages: NullTranslations
    profile: Profile
    reviewed: bool

    def say(self, message: str, **values: str) -> str:
        """A message, translated, with these values in it."""
        return self.messages.gettext(str(message)).format(**values)

    def count(self, message: Counted, number: int, **values: str) -> str:
        """A message in the form that a number asks for."""
        text = self.messages.ngettext(*message, number)
        return text.format(count=number, **values)

    def parts(self, report: OwnReport) -> Iterator[Part]:
        """All parts. Those at the begin and at the end are everybody's."""
        yield Part(self.say(Words.THIS_REPORT), tuple(self._about(report)))
        for _, given in groupby(report.received, key=lambda one: one.agency_id):
            yield self._agency([*given])
        days = "\n".join(map(self._date, report.requested_on))
        yield Part(self.say(Words.REQUESTS), (f"{self.say(Words.REQUESTED)}\n{days}",))
        yield Part(self.say(Words.NOTICE), tuple(self._notice()))
        yield Part(self.say(Words.RIGHTS), tuple(self._rights()))

    def _about(self, report: OwnReport) -> Iterator[str]:
        if not self.reviewed:
            yield self.say(Words.NOT_REVIEWED)
        yield self.say(Words.MADE_ON, date=self._date(report.made_on))
        yield self.say(Words.REFERENCE, reference=report.reference)
        yield self.say(Words.KEPT_BY, agency=report.custodian)
        yield self.say(Words.KEEP_SAFE)
        agencies = len({one.agency_id for one in report.received})
        yield self.count(SUMMARY, agencies) if agencies else self.say(Words.NOBODY)
        yield self.say(Words.LISTED)

    def _agency(self, given: Sequence[Received]) -> Part:
        kind = self.say(ROLES[given[0].role])
        heading = self.say(Words.AGENCY, name=given[0].agency, kind=kind)
        return Part(heading, tuple("\n".join(self._lines(one)) for one in given))

    def _lines(self, one: Received) -> Iterator[str]:
        yield self.count(WAYS[one.channel], one.times, date=self._date(one.day))
        if one.purpose in PURPOSES:
            yield self.say(Words.PURPOSE, purpose=self.say(PURPOSES[one.purpose]))
        if one.emergency:
            yield self.say(Words.EMERGENCY)
        for basis in one.legal_bases:
            yield self.say(Words.LEGAL_BASIS, basis=basis)
        if one.forms is None:
            yield self.say(Words.UNREADABLE)
        else:
            yield from self._fields(one.forms)

    def _fields(self, forms: Sequence[tuple[str, Form]]) -> Iterator[str]:
        """The names of the fields under each form; of fields of one name the highest form."""
        highest: dict[str, Form] = {}
        for path, form in forms:
            highest[label(path)] = max(form, highest.get(label(path), Form.NONE))
        for form, message in FORMS.items():
            names = [self.say(name) for name, its in highest.items() if its is form]
            if names:
                yield self.say(message, fields=", ".join(names))

    def _notice(self) -> Iterator[str]:
        yield self.say(Words.NOTICE_SAME)
        yield self.say(Words.NOTICE_LEFT_OUT)
        yield self.say(Words.NOTICE_NEITHER)
        yield self.say(Words.NOTICE_UNNAMED)
        yield self.say(Words.NOTICE_OFFICERS)

    def _rights(self) -> Iterator[str]:
        country = self.profile.name
        yield self.say(Words.RIGHT_SEE)
        yield self.say(Words.RIGHT_CORRECT)
        yield self.say(Words.RIGHT_COMPLAIN, country=country)
        yield self.say(Words.RIGHT_NO_HARM)
        yield self.say(Words.STATUS, country=country, status=self.say(self.profile.status))
        if self.profile.name_note:
            yield self.profile.name_note

    def _date(self, day: date) -> str:
        month = self.say(MONTHS[day.month - 1])
        return self.say(Words.DATE, day=str(day.day), month=month, year=str(day.year))
