"""What must hold after a long day, by what those who took part have kept."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from app.access_log.note import Verifier
from app.access_log.tile_verifier import verify_published
from app.access_log.verifier import verify_export
from app.access_log.vouching import Evidence
from tests.faults.account import WELL
from tests.faults.daily_work import EXPORTS, FAR, SOON, export, fetch_export, let_go, poll
from tests.faults.exchange import NAME, Exchange, File, Recipient, state_of
from tests.faults.installation import PATIENCE
from tests.notifications.agency import Notice
from tests.notifications.mailroom import Answer, wait_until

# Time passes in such steps until everything has arrived: longer than an endpoint rests.
STEP = timedelta(minutes=20)
STEPS = 300


@dataclass(frozen=True)
class Reckoned:
    """How much was held to each other."""

    entries: int
    notices: int
    duplicates: int


def reckon(exchange: Exchange) -> Reckoned:
    """Let everything arrive; hold what was kept to the log, and to each other."""
    _arrive(exchange)
    wait_until(partial(_is_exported, exchange), seconds=PATIENCE)
    _read_back(exchange)
    exchange.keep_checkpoint()
    log, entries = _exported(exchange)
    _check_disclosures(exchange, entries)
    _check_refusals(exchange, entries)
    _check_acknowledgements(exchange, entries)
    for recipient in exchange.recipients:
        recipient.collect()
        _check_order(recipient)
        _check_knowledge(exchange, recipient)
    assert exchange.strangers.collect() == []
    _verify(exchange, log)
    installation = exchange.installation
    for name in list(installation.processes):
        assert installation.stop(name) in WELL, installation.log(name)[-3000:]
    letters = Counter(one.jti for recipient in exchange.recipients for one in recipient.notices)
    return Reckoned(len(entries), len(letters), letters.total() - len(letters))


def _arrive(exchange: Exchange) -> None:
    """All is well again, and time passes until nothing waits any more."""
    exchange.welfare.agency.box.usual = Answer()
    # The last step of the ladder that concerns somebody here is that of the police.
    exchange.installation.clock.advance(days=11)
    for _ in range(STEPS):
        let_go(exchange)
        poll(exchange)
        with suppress(AssertionError):
            return wait_until(exchange.installation.is_told, seconds=0.5)
        exchange.installation.clock.advance(seconds=STEP.total_seconds())
    raise AssertionError("it did not all arrive")


def _is_exported(exchange: Exchange) -> bool:
    """Every export that was asked for has come to its end."""
    if exchange.fetched.issuperset(exchange.exports):
        return True
    export(exchange)
    return False


def _read_back(exchange: Exchange) -> None:
    """Each acknowledged write is there; what was erased is not."""
    for file in exchange.files.values():
        shown = exchange.ask(exchange.prison, "GET", f"/v1/inmate-files/{file.reference}")
        if shown.status_code == 404:
            exchange.refused["prison"] += 1
            assert file.leaving or file.known is None, file
            file.erased = True
        else:
            assert not file.erased, file
            known = (file.known, file.asked)
            file.known = state_of(shown.json())
            assert file.known in known, (file.known, known)


def _exported(exchange: Exchange) -> tuple[bytes, list[dict[str, Any]]]:
    """The whole log, and its entries as an auditor gets them, once they hold all that was kept."""
    expected = {one.entry for one in exchange.disclosed}
    entries: list[dict[str, Any]] = []

    def is_whole() -> bool:
        lines = [json.loads(line) for line in _fetched(exchange, "jsonl").splitlines()]
        entries[:] = [
            {
                "id": json.loads(line["leaf"])["id"],
                **{name: json.loads(one["content"]) for name, one in line["sections"].items()},
            }
            for line in lines
            if line["type"] == "entry"
        ]
        return expected <= {entry["id"] for entry in entries}

    wait_until(is_whole, seconds=PATIENCE)
    return _fetched(exchange, "log"), entries


def _fetched(exchange: Exchange, kind: str) -> bytes:
    """The whole log in a format."""
    came: list[bytes | None] = []

    def is_there() -> bool:
        came.append(fetch_export(exchange, place))
        return came[-1] is not None

    made = exchange.ask(exchange.auditor, "POST", EXPORTS, {"format": kind})
    assert made.status_code in (201, 202), made.text
    place = made.headers["location"]
    wait_until(is_there, seconds=PATIENCE)
    [*_, content] = came
    assert content is not None
    return content


def _check_disclosures(exchange: Exchange, entries: Sequence[Mapping[str, Any]]) -> None:
    """Each answer has its entry, of just its bytes; only what was erased shows them no more."""
    by_id = {entry["id"]: entry for entry in entries}
    erased = {file.reference for file in exchange.files.values() if file.erased}
    for one in exchange.disclosed:
        entry = by_id[one.entry]
        assert entry["actor"]["agency"] == one.agency_id, entry
        assert entry["circumstances"]["outcome"] == "released", entry
        if one.reference in erased:
            assert "payload" not in entry, entry
        else:
            payload = entry["payload"]
            assert (payload["sha256"], payload["length"]) == (one.digest, one.length), entry


def _check_refusals(exchange: Exchange, entries: Sequence[Mapping[str, Any]]) -> None:
    """Each refused request has left an entry; no others but those whose answer did not come."""
    stored = Counter(
        entry["actor"]["agency"]
        for entry in entries
        if entry["circumstances"]["outcome"] == "refused"
        and entry["circumstances"]["operation"] == "consultation"
    )
    lost = exchange.unanswered.total()
    for agency_id, count in exchange.refused.items():
        assert count <= stored[agency_id] <= count + lost, (agency_id, count, stored, lost)


def _check_acknowledgements(exchange: Exchange, entries: Sequence[Mapping[str, Any]]) -> None:
    stored = {
        entry["payload"]["notification"]
        for entry in entries
        if entry["circumstances"]["outcome"] == "acknowledged" and "payload" in entry
    }
    for recipient in exchange.recipients:
        assert recipient.acknowledged <= stored


def _check_order(recipient: Recipient) -> None:
    """Numbers are gapless and stay with their notice; about one person they come in order.

    One that was tried, and is not true any more before it arrived, is missing: the recipient
    sees that it was cancelled.
    """
    first = {notice.jti: notice.sequence for notice in reversed(recipient.notices)}
    assert all(first[notice.jti] == notice.sequence for notice in recipient.notices)
    cancelled = recipient.agency.listed("cancelled")
    gone = {one["sequence"] for one in cancelled if one["sequence"] is not None}
    numbers = sorted({place for place, _ in first.values()} | gone)
    assert numbers == list(range(1, len(numbers) + 1)), (recipient.agency.agency_id, numbers)
    places: dict[str, int] = defaultdict(int)
    seen: set[str] = set()
    for notice in recipient.notices:
        if notice.jti not in seen:
            seen.add(notice.jti)
            assert notice.sequence[1] > places[notice.reference], notice.claims
            places[notice.reference] = notice.sequence[1]


def _check_knowledge(exchange: Exchange, recipient: Recipient) -> None:
    """Whoever is to know of somebody does, and how it stands; of nobody else anything."""
    stories: dict[str, list[Notice]] = defaultdict(list)
    for notice in {one.jti: one for one in recipient.notices}.values():
        stories[notice.reference].append(notice)
    nameless = {name for name, story in stories.items() if _only_ends(story)}
    told = {_about(story): story for name, story in stories.items() if name not in nameless}
    assert len(told) == len(stories) - len(nameless), "somebody has two names"
    is_police = recipient is exchange.police
    silent = [file for file in exchange.files.values() if file.reference not in told]
    assert len(nameless) <= sum(bool(file.events) for file in silent) * is_police
    received = {one.jti for one in recipient.notices}
    for story in (stories[name] for name in nameless):
        assert received.isdisjoint(jti for one in story for jti in one.event["concerns"]), story
    for file in exchange.files.values():
        story = sorted(told.pop(file.reference, []), key=lambda one: one.sequence)
        types = [one.event_type for one in story]
        if file.life == SOON and file.known is not None:
            _check_release(file, story, is_police=is_police)
            assert "release_planned" in types or _is_made_up(recipient, story), (file, types)
        elif file.life == FAR and is_police:
            _check_flight(file, types)
        else:
            assert types == [], file
    assert told == {}, "somebody whom nobody has stored"


def _only_ends(story: Sequence[Notice]) -> bool:
    """Whether it tells nothing but that a flight is over which perhaps was never heard of.

    It was tried to tell of it, and the attempt may have arrived: so its end is told as well.
    """
    return all(one.event_type == "recaptured" and not one.event["released"] for one in story)


def _about(story: Sequence[Notice]) -> str:
    """The person whom a story is about, by the name or the telephone number that came with it."""
    said = [
        (released.get("identity", {}), released.get("residence_contact", {}))
        for released in (one.event["released"] for one in story)
    ]
    names = {who["full_name"]["value"]["family"] for who, _ in said if "full_name" in who}
    phones = {how["personal_phone"]["value"] for _, how in said if "personal_phone" in how}
    numbers = {int(one.removeprefix(NAME)) for one in names} | {int(one[5:]) for one in phones}
    assert len(numbers) == 1, story
    return f"{NAME}{numbers.pop()}"


def _is_made_up(recipient: Recipient, story: Sequence[Notice]) -> bool:
    """Whether a change came for an announcement that was tried and given up."""
    given_up = {
        one["jti"] for status in ("cancelled", "dead") for one in recipient.agency.listed(status)
    }
    return not given_up.isdisjoint(jti for one in story for jti in one.event["concerns"])


def _check_release(file: File, story: Sequence[Notice], *, is_police: bool) -> None:
    """It was announced, and the newest date came.

    The police hear late: what they were to hear may be moved out of their time before it came,
    and come with the change that moves it back.
    """
    assert file.known is not None
    types = [one.event_type for one in story]
    assert is_police or types[:1] == ["release_planned"], (file, types)
    assert set(types) <= {"release_date_changed", "release_planned"}, (file, types)
    heard = [one for one in story if one.event["released"]]
    assert _about(heard[:1]) == file.reference, (file, types)
    dates = [
        one.event["released"]["release"]["planned_release_date"]["value"]
        for one in heard
        if "planned_release_date" in one.event["released"].get("release", {})
    ]
    if not is_police:
        assert dates[-1] == file.known["release"], (file, [one.claims for one in story])


def _check_flight(file: File, types: Sequence[str]) -> None:
    """Nobody goes on looking for somebody who is back; who is at large is looked for."""
    events = [*file.events, *([file.maybe] if file.maybe else [])]
    left = iter(events)
    assert all(one in left for one in types), (events, types)
    if file.maybe is None and events[-1:] == ["escaped"]:
        assert types[-1:] == ["escaped"], (file, types)
    elif file.maybe is None and types:
        assert types[-1] == "recaptured", (file, types)


def _verify(exchange: Exchange, log: bytes) -> None:
    """The log is one log: from the export and from tiles, for all who kept something of it."""
    installation = exchange.installation
    evidence = Evidence(
        verifiers=[Verifier.from_vkey(exchange.log_key)],
        saved_checkpoints=sorted(exchange.checkpoints),
        receipts=[one.receipt for one in exchange.disclosed],
    )
    report = verify_export(log.splitlines(keepends=True), evidence)
    assert report.finding is None, report
    assert report.promises.kept == len(exchange.disclosed)

    def fetch(path: str) -> bytes | None:
        answer = exchange.ask(exchange.auditor, "GET", f"/log/{path}")
        return answer.content if answer.status_code == 200 else None

    report = verify_published(fetch, evidence, with_entries=True)
    assert report.finding is None, report
    file, saved = installation.folder / "log.ndjson", installation.folder / "saved"
    file.write_bytes(log)
    saved.mkdir()
    for number, note in enumerate(exchange.checkpoints):
        (saved / str(number)).write_text(note)
    evidence_of = ("--key", exchange.log_key, "--checkpoint", str(saved))
    process = installation.run("access-log", "verify", str(file), *evidence_of)
    process.join(PATIENCE)
    assert process.exitcode == 0, installation.log("commands")[-3000:]
