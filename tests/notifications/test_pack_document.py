"""The document of a pack by itself: letters, values in words, pages, the slip."""

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pypdf import PdfReader

from app.files.catalogue import FIELDS, SECTIONS
from app.notifications import pack_document
from app.notifications.acknowledge import Kind
from app.notifications.envelope import Message
from app.notifications.pack_document import PAGE_BYTES, PAGE_CLASS, Written, render

PASSWORD = "ABCD-EFGH"
ALPHABETS = {
    "Albanian": "abcçdeëfghijklmnopqrstuvxyz ABCÇDEËFGHIJKLMNOPQRSTUVXYZ",
    "Serbian, Latin": "abcčćdđefghijklmnoprsštuvzž ABCČĆDĐEFGHIJKLMNOPRSŠTUVZŽ",
    "Serbian, Cyrillic": "абвгдђежзијклљмнњопрстћуфхцчџш АБВГДЂЕЖЗИЈКЛЉМНЊОПРСТЋУФХЦЧЏШ",
    "Macedonian": "абвгдѓежзѕијклљмнњопрстќуфхцчџш АБВГДЃЕЖЗЅИЈКЛЉМНЊОПРСТЌУФХЦЧЏШ ѐѝ",
    "neighbours": "öüőűğışİ ăâîșț ΑΒΓαβγ",
}


def written(**event: Any) -> Written:  # noqa: ANN401 - what an event says
    message = Message(
        audience="paper-1",
        jti="0f" * 16,
        txn="1e" * 16,
        event_type="release_planned",
        event={"priority": "routine", "acknowledgement_hours": 72, **event},
        reference="2d" * 16,
        sequence={"subscriber": 3, "person": 1},
    )
    return Written(
        recipient="Centre (centre-1)",
        hand_over_by="prison-1",
        message=message,
        withheld=(),
        made_at=datetime(2027, 3, 3, 9, tzinfo=UTC),
        issuer="https://exchange.example",
        log_origin="exchange.example/log",
        entry_id="4b" * 16,
        leaf_hash="5a" * 32,
        told_sha256="69" * 32,
    )


def released(value: object = None, **members: object) -> dict[str, Any]:
    field = {
        "form": "full",
        "legal_bases": ["SOCIAL-DUTY"],
        "recorded": True,
        "value": value,
        "nature": "fact",
        "source_agency": "prison-1",
        "recorded_at": "2027-03-01T09:00:00+00:00",
    }
    return {**field, **members}


def with_name(name: str) -> Written:
    fields = {"identity": {"full_name": released({"family": name, "given": ["A"]})}}
    return written(released=fields)


def of_type(event_type: str, **event: object) -> Written:
    one = written(**event)
    return replace(one, message=replace(one.message, event_type=event_type))


def pages(document: Written) -> list[str]:
    reader = PdfReader(io.BytesIO(render(document, password=PASSWORD)))
    assert reader.decrypt(PASSWORD)
    return [page.extract_text() for page in reader.pages]


def test_the_letters_of_its_languages_are_printed() -> None:
    first, *_ = pages(with_name(" ".join(ALPHABETS.values())))
    flat = " ".join(first.split())
    for language, letters in ALPHABETS.items():
        assert all(word in flat for word in letters.split()), language
    assert "[U+" not in flat


def test_a_letter_that_the_font_lacks_is_shown_as_its_code_point() -> None:
    first, *_ = pages(with_name("Li 李"))
    assert "Li [U+674E]" in first


def test_a_value_is_said_in_words() -> None:
    said: list[tuple[object, str]] = [
        (True, "yes"),
        (0, "0"),
        (["a", "b"], "a, b"),
        ({"from": "2027-03-01", "to": None}, "From: 2027-03-01"),
        ([{"kind_of": "x"}, {"kind_of": "y"}], "(Kind of: x), (Kind of: y)"),
    ]
    names = list(SECTIONS["identity"].fields)[: len(said)]
    fields = {name: released(value) for name, (value, _) in zip(names, said, strict=True)}
    first, *_ = pages(written(released={"identity": fields}))
    for name, (_, words) in zip(names, said, strict=True):
        assert f"{SECTIONS['identity'].fields[name].label} {words}\n" in first


def test_what_is_not_recorded_and_what_is_only_said_to_be_are_told_apart() -> None:
    fields = {
        "full_name": {"form": "full", "legal_bases": ["D"], "recorded": False},
        "date_of_birth": {"form": "existence", "legal_bases": ["D"], "recorded": True},
    }
    first, *_ = pages(written(released={"identity": fields}))
    assert "nothing is recorded" in first
    assert "something is recorded" in first
    assert "form: existence" in first


def in_clear(document: bytes) -> bytes:
    """What stands in a document unencrypted: its structure, with the lengths of all the rest."""
    shape = re.sub(rb"stream\n.*?\nendstream", b"", document, flags=re.DOTALL)
    return re.sub(rb"<[0-9A-Fa-f]+>", lambda found: b"<%d>" % len(found[0]), shape)


def test_whoever_has_no_password_sees_neither_what_it_tells_nor_how_much() -> None:
    little = with_name("A")
    others = {
        "another event": of_type("recall", priority="immediate"),
        "more, in another alphabet": with_name(f"{ALPHABETS['Macedonian']} " * 100),
    }
    # Else it would show nothing.
    assert "blank" not in pages(others["more, in another alphabet"])[2]
    seen = in_clear(render(little, password=PASSWORD))
    assert b"/Count %d\n" % PAGE_CLASS in seen
    for what, other in others.items():
        assert in_clear(render(other, password=PASSWORD)) == seen, what


def test_the_smallest_letters_do_not_fill_what_a_page_has_room_for() -> None:
    document = render(with_name("i " * 10_000), password=PASSWORD)
    reader = PdfReader(io.BytesIO(document))
    reader.decrypt(PASSWORD)
    assert len(reader.pages) % PAGE_CLASS == 0
    for page in reader.pages:
        content = page.get_contents()
        assert content is not None
        assert len(content.get_data()) == PAGE_BYTES


def test_what_a_value_holds_is_not_taken_for_the_number_of_pages() -> None:
    first, *_ = pages(with_name("{nb}"))
    assert "Family: {nb}" in first


def test_what_is_told_to_overseers_is_printed_like_everything_else() -> None:
    emergency = {"agency": "health-1", "fields": ["health.self_harm_alert"], "overdue": True}
    first, *_ = pages(written(emergency=emergency))
    assert "Agency: health-1; Fields: health.self_harm_alert; Overdue: yes" in " ".join(
        first.split()
    )


def test_every_page_is_numbered_and_the_last_is_a_slip_with_the_four_answers() -> None:
    withheld: list[Mapping[str, str]] = [
        {"field": path, "reason": f"reason-{number}"} for number, path in enumerate(FIELDS)
    ]
    found = pages(replace(with_name("A"), withheld=withheld))
    assert len(found) == PAGE_CLASS
    for number, text in enumerate(found, 1):
        assert f"{'0f' * 16}  ·  page {number} of {len(found)}" in text
    assert all(f"({kind.value})" in found[-1] for kind in Kind)
    assert "send it back to prison-1" in found[-1]
    before = " ".join(" ".join(found[:-1]).split())
    assert all(
        f"reason-{number}: {FIELDS[path].label}" in before for number, path in enumerate(FIELDS)
    )


def test_the_library_is_loaded_by_what_prints_and_by_nothing_before() -> None:
    homes = {getattr(one, "__module__", "") or "" for one in vars(pack_document).values()}
    assert not any(home.startswith("fpdf") for home in homes)
