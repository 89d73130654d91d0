"""What is done in an exchange, in a mix like that of a working day.

Reading is most of it, by case workers who look at the same persons again. The custodian keeps
files up to date, mostly one field at a time, and at times a register as a whole; few persons
escape, fewer are erased. Recipients answer what they are told. Auditors look at few pages, but
each of them opens many entries. What is guessed wrong is asked as well: it has its entry too.
"""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from hashlib import sha256

import httpx

from tests.faults.exchange import NAME, Exchange, File, NotAvailable, Recipient, sections_of
from tests.notifications.agency import Agency

ACKNOWLEDGED, FORGOTTEN, GONE_ON = 204, 404, 409
# Lives of persons: see `File`.
SOON, FAR, PASSING = "soon", "far", "passing"
LINES = 3
EXPORTS = "/v1/access-log/exports"


def _date(exchange: Exchange, days: int) -> str:
    return (exchange.installation.clock().date() + timedelta(days=days)).isoformat()


def _fresh_state(exchange: Exchange, life: str) -> dict[str, str]:
    """A state that no other is: by its number."""
    days = exchange.random.randrange(32, 41) if life == SOON else 500
    remark = f"remark {exchange.random.randrange(10**8)}"
    return {"conduct": remark, "release": _date(exchange, days)}


def _free(exchange: Exchange, life: str) -> File | None:
    """A person whom nobody is just writing about, locked; None where there is none."""
    files = [one for one in exchange.of_life(life) if not one.leaving]
    exchange.random.shuffle(files)
    return next((file for file in files[:5] if file.lock.acquire(blocking=False)), None)


def _new(exchange: Exchange, life: str) -> File:
    file = File(reference=f"{NAME}{exchange.random.randrange(10**8)}", life=life)
    file.lock.acquire()
    exchange.files[file.reference] = file
    return file


def put(exchange: Exchange) -> None:
    """Open a file; of three persons one is released soon."""
    file = _new(exchange, exchange.random.choice((SOON, FAR, PASSING)))
    with _released(file):
        file.asked = _fresh_state(exchange, file.life)
        body = {"sections": sections_of(file.reference, file.asked)}
        answer = exchange.ask(exchange.prison, "PUT", f"/v1/inmate-files/{file.reference}", body)
        assert answer.status_code == 201, answer.text
        file.known, file.asked, file.etag = file.asked, None, answer.headers["etag"]


def change(exchange: Exchange) -> None:
    """Add a remark, or move a release."""
    life = exchange.random.choice((SOON, SOON, FAR))
    file = _free(exchange, life)
    if file is None:
        return put(exchange)
    with _released(file):
        exchange.settle(file)
        if file.known is None:
            return None
        fresh = _fresh_state(exchange, life)
        if exchange.random.random() < 0.5 or life == FAR:
            section, name, value = "custody", "conduct_summary", fresh["conduct"]
            file.asked = {**file.known, "conduct": value}
        else:
            section, name, value = "release", "planned_release_date", fresh["release"]
            file.asked = {**file.known, "release": value}
        answer = exchange.ask(
            exchange.prison,
            "PATCH",
            f"/v1/inmate-files/{file.reference}/sections/{section}",
            {name: {"value": value}},
            If_Match=file.etag,
        )
        assert answer.status_code == 200, answer.text
        file.known, file.asked, file.etag = file.asked, None, answer.headers["etag"]
    return None


def import_register(exchange: Exchange) -> None:
    """A few persons at once, an answer to each line."""
    prison = exchange.prison
    files = [_new(exchange, SOON) for _ in range(LINES)]
    try:
        for file in files:
            file.asked = _fresh_state(exchange, file.life)
        lines = [
            {"reference": file.reference, "sections": sections_of(file.reference, file.asked or {})}
            for file in files
        ]
        address = f"{prison.issuer}/v1/inmate-files/import"
        answer = prison.http.post(
            address,
            content="".join(json.dumps(line) + "\n" for line in lines),
            headers={
                **prison.credentials("POST", address),
                "Content-Type": "application/x-ndjson",
            },
        )
        if answer.status_code == 503:
            raise NotAvailable(answer.text)
        assert answer.status_code == 200, answer.text
        for line in map(json.loads, answer.text.splitlines()):
            file = files[line["line"] - 1]
            if line["status"] == "created":
                # The line does not say the state: the next change asks for it.
                file.known, file.asked = file.asked, file.asked
            else:
                assert "unavailable" in json.dumps(line), line
    finally:
        for file in files:
            file.lock.release()


def read_own(exchange: Exchange) -> None:
    """The custodian looks at a file."""
    file = _free(exchange, exchange.random.choice((SOON, FAR, PASSING)))
    if file is None:
        return put(exchange)
    with _released(file):
        known = file.known if file.asked is None else None
        answer = exchange.ask(exchange.prison, "GET", f"/v1/inmate-files/{file.reference}")
        if answer.status_code == FORGOTTEN:
            exchange.refused["prison"] += 1
            assert known is None, f"{file.reference} was acknowledged and is not there"
    return None


def read(exchange: Exchange) -> None:
    """A case worker looks at somebody it was told of."""
    recipient = exchange.random.choice(exchange.recipients)
    _look(exchange, recipient.agency, recipient)


def read_with_bearer(exchange: Exchange) -> None:
    """The other system of the welfare centre does."""
    _look(exchange, exchange.bearer, exchange.welfare)


def explain(exchange: Exchange) -> None:
    """Somebody asks why."""
    _look(exchange, exchange.probation.agency, exchange.probation, "/explanation")


def _look(exchange: Exchange, agency: Agency, told: Recipient, about: str = "") -> None:
    references = told.references()
    if not references:
        return guess(exchange)
    reference = exchange.random.choice(references)
    answer = exchange.ask(agency, "GET", f"/v1/inmate-files/{reference}{about}")
    if answer.status_code == FORGOTTEN:  # what was told of is over
        exchange.refused[agency.agency_id] += 1
    else:
        assert answer.status_code == 200, answer.text
    return None


def guess(exchange: Exchange) -> None:
    """A reference with a slip in it."""
    agency = exchange.random.choice(exchange.recipients).agency
    answer = exchange.ask(agency, "GET", f"/v1/inmate-files/W-{exchange.random.randrange(10**9)}")
    assert answer.status_code == FORGOTTEN, answer.text
    exchange.refused[agency.agency_id] += 1


def list_cases(exchange: Exchange) -> None:
    answer = exchange.ask(exchange.random.choice(exchange.recipients).agency, "GET", "/v1/cases")
    assert answer.status_code == 200, answer.text


def escape(exchange: Exchange) -> None:
    """Somebody escapes, or is found again."""
    file = _free(exchange, FAR)
    if file is None:
        return put(exchange)
    with _released(file):
        exchange.settle(file)
        if file.known is None:
            return None
        at_large = bool(file.events) and file.events[-1] == "escaped"
        event = file.maybe or ("recaptured" if at_large else "escaped")
        again, file.maybe = file.maybe is not None, event
        answer = exchange.ask(
            exchange.prison,
            "POST",
            f"/v1/inmate-files/{file.reference}/events",
            {"event": event},
        )
        # One that was reported, and not answered, cannot be reported twice.
        assert answer.status_code == 201 or (again and answer.status_code == GONE_ON), answer.text
        file.events.append(event)
        file.maybe = None
    return None


def poll(exchange: Exchange) -> None:
    """The unit without an endpoint takes what waits, and confirms what it took before."""
    unit = exchange.district
    if not unit.lock.acquire(blocking=False):
        return
    with _released(unit):
        confirmed = list(unit.unread)
        answer = exchange.ask(
            unit.agency,
            "POST",
            "/v1/inbox/poll",
            {
                "subscription_id": unit.agency.subscription_id,
                "maxEvents": 50,
                "returnImmediately": True,
                "ack": confirmed,
            },
        )
        assert answer.status_code == 200, answer.text
        del unit.unread[: len(confirmed)]
        came = [unit.agency.opened_from(sealed) for sealed in answer.json()["sets"].values()]
        for notice in sorted(came, key=lambda one: one.claims.get("seq", {}).get("subscriber", 0)):
            unit.keep(notice)
            unit.unread.append(notice.jti)


def acknowledge(exchange: Exchange) -> None:
    """Somebody answers a notice, signed."""
    recipient = exchange.random.choice(exchange.recipients)
    waiting = {one.jti for one in recipient.collect()} - recipient.acknowledged
    if not waiting:
        return read(exchange)
    jti = exchange.random.choice(sorted(waiting))
    answer = recipient.agency.acknowledge(jti)
    exchange.answers[str(answer.status_code)] += 1
    if answer.status_code == 503:
        raise NotAvailable(answer.text)
    assert answer.status_code == ACKNOWLEDGED, answer.text
    recipient.acknowledged.add(jti)
    return None


def audit(exchange: Exchange) -> None:
    """An auditor looks for somebody's entries, two pages of them."""
    agency = exchange.random.choice(exchange.recipients).agency.agency_id
    path = f"/v1/access-log/entries?agency={agency}&limit=20"
    page = exchange.ask(exchange.auditor, "GET", path)
    assert page.status_code == 200, page.text
    if page.json()["next"] is not None:
        following = f"{path}&after={page.json()['next']}&tree_size={page.json()['tree_size']}"
        assert exchange.ask(exchange.auditor, "GET", following).status_code == 200


def export(exchange: Exchange) -> None:
    """An auditor asks for an export, or looks what has become of the last one.

    One that a killed process was writing goes on when its lease has run out, and not before.
    """
    auditor, places = exchange.auditor, exchange.exports
    with exchange.exporting:
        if places and places[-1] not in exchange.fetched:
            fetch_export(exchange, places[-1])
            return
        asked = {"format": "csv", "filters": {"agency": "welfare"}}
        made = exchange.ask(auditor, "POST", EXPORTS, asked)
        if made.status_code != GONE_ON:  # an erasure that no checkpoint covers yet
            assert made.status_code in (201, 202), made.text
            places.append(made.headers["location"])


def fetch_export(exchange: Exchange, place: str) -> bytes | None:
    """The content of an export, which is deleted then; None where there is none, or none yet."""
    auditor = exchange.auditor
    answer = exchange.ask(auditor, "GET", place)
    if answer.status_code == FORGOTTEN:  # it was deleted, and the answer did not come
        exchange.fetched.add(place)
        return None
    shown, content = answer.json(), None
    if shown["state"] in ("waiting", "running"):
        return None
    if shown["state"] == "finished":
        fetched = exchange.ask(auditor, "GET", f"{place}/content")
        if fetched.status_code == GONE_ON:  # an erasure came between the two questions
            return None
        assert fetched.status_code == 200, fetched.text
        content = fetched.content
        assert sha256(content).hexdigest() == shown["sha256"]
    else:  # somebody was erased meanwhile
        assert shown["state"] == "dropped", shown
    assert exchange.ask(auditor, "DELETE", place).status_code == ACKNOWLEDGED
    exchange.fetched.add(place)
    return content


def report(exchange: Exchange) -> None:
    """The person asks who received what."""
    file = _free(exchange, SOON)
    if file is None:
        return put(exchange)
    with _released(file):
        answer = exchange.ask(
            exchange.prison, "GET", f"/v1/inmate-files/{file.reference}/own-report"
        )
        assert answer.status_code == 200 or file.known is None or file.asked, answer.text
    return None


def erase(exchange: Exchange) -> None:
    """Somebody was recorded unlawfully: two officers have it erased."""
    file = _free(exchange, PASSING)
    if file is None:
        return put(exchange)
    with _released(file):
        exchange.settle(file)
        if file.known is None:
            return None
        file.leaving = True
        path = f"/v1/inmate-files/{file.reference}/erasure-request"
        asked = exchange.ask(exchange.prison, "POST", path, {"ground": "recorded_unlawfully"})
        assert asked.status_code == 201, asked.text
        approved = exchange.ask(exchange.second, "POST", f"{path}/approval")
        assert approved.status_code == 200, approved.text
        assert approved.json()["status"] == "erased", approved.text
        file.erased = True
    return None


def let_go(exchange: Exchange) -> None:
    """Where so many releases were moved in a day that the feed is held: they were meant so."""
    feeds = exchange.ask(exchange.second, "GET", "/v1/feeds").json()["feeds"]
    for feed in feeds:
        if feed["state"] == "held":
            path = f"/v1/feeds/{feed['feed']}/decision"
            decided = exchange.ask(exchange.second, "POST", path, {"decision": "release"})
            assert decided.status_code == 200, decided.text
            exchange.holds += 1


def look_at_checkpoint(exchange: Exchange) -> None:
    exchange.keep_checkpoint()


# How often in a hundred, by the order of what stands above.
MIX: Mapping[Callable[[Exchange], None], int] = {
    read: 29,
    read_with_bearer: 10,
    read_own: 8,
    explain: 4,
    list_cases: 3,
    guess: 4,
    put: 7,
    change: 11,
    import_register: 1,
    escape: 4,
    poll: 5,
    acknowledge: 7,
    audit: 3,
    export: 1,
    report: 1,
    erase: 1,
    look_at_checkpoint: 1,
}


class _released:  # noqa: N801 - a context manager
    """Give the lock of a file or a recipient back at the end."""

    def __init__(self, held: File | Recipient) -> None:
        self._held = held

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._held.lock.release()


def do(exchange: Exchange, operation: Callable[[Exchange], None]) -> None:
    """One operation; where no answer comes, that is kept."""
    exchange.up.wait()
    with exchange.gate.passing():
        try:
            operation(exchange)
        except (httpx.TransportError, NotAvailable) as error:
            exchange.unanswered[type(error).__name__] += 1
