"""The running service as operators see it: its measures, its traces, and whether it is ready."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import Metric
from sqlalchemy import text

from app.activation import register
from app.demo.stage import free_port
from app.monitoring import exposition
from app.monitoring.exposition import Exposition
from app.monitoring.page import Page
from app.monitoring.readings import Reader
from app.policy.roles import ROLE_PURPOSES
from app.releases.events import EVENTS
from app.telemetry import tracing
from app.telemetry.labels import is_allowed
from tests.api.exchange import is_problem
from tests.notifications.agency import Agency
from tests.notifications.play import Prison, Town
from tests.world import World

READ = ("/v1/inmate-files/{reference}", "GET")
OUTSIDE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture(scope="module")
def welfare(town: Town) -> Agency:
    return town.subscribed("social_welfare_centre")


@pytest.fixture(scope="module")
def reference(town: Town, prison: Prison, welfare: Agency) -> str:
    """A release within the week, told to the centre, which has taken it and not answered."""
    reference = prison.admit(town.today + timedelta(days=5))
    town.settle()
    assert welfare.notices()
    return reference


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    """What is traced, by us and by the framework below."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    before = trace._TRACER_PROVIDER  # noqa: SLF001 - it can be set but once otherwise
    trace._TRACER_PROVIDER = provider  # noqa: SLF001 - as above
    tracing.use(provider.get_tracer(tracing.NAME))
    yield kept
    tracing.use(None)
    trace._TRACER_PROVIDER = before  # noqa: SLF001 - as above


def families(page: Page) -> dict[str, Metric]:
    return {family.name: family for family in page.collect()}


def value(page: Page, name: str, **labels: str) -> float:
    """The sum of the samples with this name and these labels, as the database has them now."""
    page._rests_until = 0.0  # noqa: SLF001 - as if some time had passed
    return sum(
        sample.value
        for family in page.collect()
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def planted(town: Town, prison: Prison, welfare: Agency, reference: str) -> list[str]:
    """Whatever would tell of somebody."""
    agencies = (prison.agency, welfare)
    return [
        *(one.agency_id for one in agencies),
        *(one.officer for one in agencies),
        *(one.purpose for one in agencies),
        *(notice.jti for notice in welfare.notices()),
        *(notice.reference for notice in welfare.notices()),
        *ROLE_PURPOSES,
        # A word of a single part is one of the log's as well: released.
        *(name for name in EVENTS if "_" in name),
        reference,
        town.person_id(prison.agency, reference),
        town.place,
        "Wexample",
        "veto_status",
    ]


def test_no_sample_of_a_real_run_has_another_label_than_those_that_are_written_down(
    town: Town, prison: Prison, welfare: Agency, reference: str, page: Page
) -> None:
    assert prison.agency.call("GET", f"/v1/inmate-files/{reference}").status_code == 200
    assert prison.agency.call("GET", "/v1/inmate-files/P-unheard-of").status_code == 404
    assert town.world.raw("LOCK", f"/v1/inmate-files/{reference}").status_code == 405
    assert town.world.raw("GET", f"/{reference}").status_code == 404
    whole = families(page)
    samples = [sample for family in whole.values() for sample in family.samples]
    assert len(samples) > 50
    odd = [one for one in samples if not all(is_allowed(*label) for label in one.labels.items())]
    assert odd == []
    shown = repr(list(whole.values())).lower()
    names = planted(town, prison, welfare, reference)
    assert [name for name in names if name.lower() in shown] == []


def test_requests_are_measured_by_the_template_of_their_route(
    prison: Prison, reference: str, page: Page
) -> None:
    def counted(method: str, status: str) -> float:
        name = "throughcare_request_seconds_count"
        return value(page, name, route=READ[0], method=method, status=status)

    before = counted("GET", "200"), counted("HEAD", "200")
    for method in ("GET", "HEAD", "GET"):
        prison.agency.call(method, f"/v1/inmate-files/{reference}")
    assert (counted("GET", "200"), counted("HEAD", "200")) == (before[0] + 2, before[1] + 1)


def test_decisions_commits_and_attempts_are_timed(
    town: Town, prison: Prison, reference: str, page: Page
) -> None:
    names = ("decision", "commit", "delivery_attempt")

    def counted() -> list[float]:
        return [value(page, f"throughcare_{name}_seconds_count") for name in names]

    before = counted()
    prison.agency.call("GET", f"/v1/inmate-files/{reference}")
    prison.move(reference, town.today + timedelta(days=6))
    town.settle()
    assert all(now > then for now, then in zip(counted(), before, strict=True))


def test_a_notice_without_an_answer_shortly_before_the_release_is_counted(
    town: Town, prison: Prison, welfare: Agency, page: Page
) -> None:
    def unanswered() -> float:
        return value(page, "throughcare_unacknowledged_near_release")

    before = unanswered()
    prison.admit(town.today + timedelta(days=30))
    town.settle()
    assert unanswered() == before
    prison.admit(town.today + timedelta(days=3))
    town.settle()
    assert unanswered() == before + 1
    assert welfare.acknowledge(welfare.notices()[-1].jti, "accepted").status_code == 204
    assert unanswered() == before


def test_what_has_not_arrived_is_counted_with_its_age(
    town: Town, prison: Prison, welfare: Agency, page: Page
) -> None:
    welfare.box.answer_next(500)
    prison.admit(town.today + timedelta(days=20))
    town.settle()
    assert value(page, "throughcare_deliveries", state="queued", kind="news") == 1
    town.world.clock.advance(minutes=10)
    oldest = value(page, "throughcare_oldest_undelivered_seconds", state="queued")
    assert oldest == 600
    # Its endpoint has failed: that is no lag of ours.
    assert value(page, "throughcare_dispatch_lag_seconds") == 0
    town.settle()
    assert value(page, "throughcare_deliveries", state="queued") == 0


def test_what_no_dispatcher_takes_up_is_a_lag(town: Town, prison: Prison, page: Page) -> None:
    # A milestone of it is past, and so due at once.
    prison.admit(town.today + timedelta(days=15))
    town.world.clock.advance(minutes=5)
    assert value(page, "throughcare_dispatch_lag_seconds") == 300
    town.tell()
    town.world.clock.advance(minutes=5)
    assert value(page, "throughcare_dispatch_lag_seconds") == 300
    town.settle()
    assert value(page, "throughcare_dispatch_lag_seconds") == 0


def test_the_page_says_what_runs_and_how_much_it_holds(world: World, page: Page) -> None:
    [about] = families(page)["throughcare_build"].samples
    assert about.labels["process"] == "serve"
    assert about.labels["policy"] == world.service.house.bundle.digest
    assert value(page, "throughcare_capacity_limit") == world.service.database.capacity.total
    assert value(page, "throughcare_database_readable") == 1


def test_however_often_the_page_is_asked_for_the_database_is_asked_once(world: World) -> None:
    asked = []

    def clock() -> object:
        asked.append(1)
        return world.clock()

    service = world.service
    reader = Reader(
        witnesses=service.witnesses,
        clock=clock,  # type: ignore[arg-type]  # it gives what the clock gives
        legal_date=service.house.legal_date,
    )
    page = Page(process="serve", in_force=service.in_force, reader=reader)
    found = [families(page)["throughcare_database_readable"].samples[0].value for _ in range(20)]
    assert found == [1] * 20
    assert len(asked) == 1
    page.close()


def test_a_database_that_takes_its_time_leaves_the_rest_of_the_page(world: World) -> None:
    def clock() -> object:
        time.sleep(0.2)
        return world.clock()

    service = world.service
    reader = Reader(
        witnesses=service.witnesses,
        clock=clock,  # type: ignore[arg-type]  # as above
        legal_date=service.house.legal_date,
    )
    page = Page(process="serve", in_force=service.in_force, reader=reader, patience=0.01)
    found = families(page)
    assert found["throughcare_database_readable"].samples[0].value == 0
    assert "throughcare_request_seconds" in found
    assert "throughcare_dispatch_lag_seconds" not in found
    page.patience = 5.0
    assert "throughcare_dispatch_lag_seconds" in families(page)
    page.close()


def test_each_process_tells_its_page_at_a_port_of_its_own(
    world: World, page: Page, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "throughcare.measures")
    port = free_port()

    async def look() -> list[httpx.Response]:
        stop = asyncio.Event()
        two = [Exposition(page=page, host="127.0.0.1", port=port) for _ in range(2)]
        jobs = [asyncio.create_task(one.run(stop)) for one in two]
        # Whoever asks before somebody listens there may be connected to itself.
        while len(listening := sorted(_ports(caplog))) < len(two):  # noqa: ASYNC110 - the log tells it
            await asyncio.sleep(0.01)
        assert listening[0] == port
        addresses = [f"http://127.0.0.1:{one}/metrics" for one in listening]
        async with httpx.AsyncClient(trust_env=False) as http:
            answers = [await http.get(address) for address in addresses]
            accept = {"Accept": "application/openmetrics-text; version=1.0.0"}
            answers.append(await http.get(addresses[0], headers=accept))
        stop.set()
        await asyncio.gather(*jobs)
        return answers

    *plain, opened = asyncio.run(look())
    assert [one.status_code for one in plain] == [200, 200]
    assert all("throughcare_build_info{" in one.text for one in plain)
    assert plain[0].headers["content-type"].startswith("text/plain; version=0.0.4")
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    assert opened.text.endswith("# EOF\n")
    is_problem(world.raw("GET", "/metrics"), 404, "not-found")


def test_nobody_holds_a_thread_of_the_measures_nor_asks_for_a_part_of_them(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exposition._Handler, "timeout", 0.05)  # noqa: SLF001 - too long for a test
    server = Exposition(page=page, host="127.0.0.1", port=free_port())._open()  # noqa: SLF001 - as `run` does
    assert server is not None
    port = server.server_port
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=10) as silent:
            assert silent.recv(1) == b""
        with socket.create_connection(("127.0.0.1", port), timeout=0.01) as dripping:
            assert _drip(dripping) == b""
        held = [exposition.AT_ONCE.acquire(timeout=10) for _ in range(16)]
        with socket.create_connection(("127.0.0.1", port), timeout=10) as one_too_many:
            assert one_too_many.recv(1) == b""
        assert held == [True] * 16
        exposition.AT_ONCE.release(16)
        whole = httpx.get(f"http://127.0.0.1:{port}/?name[]=throughcare_build", trust_env=False)
        assert "throughcare_request_seconds" in whole.text
    finally:
        exposition._close(server)  # noqa: SLF001 - as above


def _drip(connection: socket.socket) -> bytes:
    """What is said to somebody who always says a little more, and never the end of it."""
    with suppress(ConnectionError):
        for _ in range(1_000):
            connection.sendall(b"G")
            with suppress(TimeoutError):
                return connection.recv(1)
        return b"still heard"
    return b""


def _ports(caplog: pytest.LogCaptureFixture) -> set[int]:
    """Where measures are told, as the log says."""
    found = [
        one.message.rpartition(":")[2] for one in caplog.records if "measures at" in one.message
    ]
    return {int(port) for port in found}


def named(spans: InMemorySpanExporter, name: str) -> ReadableSpan:
    """The last span of this name."""
    return next(one for one in reversed(spans.get_finished_spans()) if one.name == name)


def test_a_recorded_read_is_traced_from_the_request_to_the_commit(
    prison: Prison, reference: str, spans: InMemorySpanExporter
) -> None:
    outside = f"00-{OUTSIDE}-b7ad6b7169203331-00"
    prison.agency.call("GET", f"/v1/inmate-files/{reference}", traceparent=outside)
    request, door, decision, commit = (
        named(spans, name) for name in ("request", "door", "decision", "commit")
    )
    # Nobody outside says whether it is kept, and by which name.
    assert request.parent is None
    assert f"{request.context.trace_id:032x}" != OUTSIDE
    parents = [one.parent and one.parent.span_id for one in (door, decision, commit)]
    assert parents == [request.context.span_id, door.context.span_id, request.context.span_id]
    assert request.attributes == {"route": READ[0], "method": "GET", "status": "200"}
    assert door.attributes is not None
    assert door.attributes["operation"] in {"disclosure", "consultation"}


def test_an_attempt_to_deliver_is_a_trace_of_its_own(
    town: Town, prison: Prison, spans: InMemorySpanExporter
) -> None:
    prison.admit(town.today + timedelta(days=25))
    town.settle()
    attempt = named(spans, "attempt")
    assert (attempt.parent, attempt.attributes) == (None, {"outcome": "accepted"})
    within = {
        one.name
        for one in spans.get_finished_spans()
        if one.context.trace_id == attempt.context.trace_id
    }
    assert within == {"attempt", "door", "decision", "commit"}


def test_no_span_tells_of_anybody(
    town: Town, prison: Prison, welfare: Agency, reference: str, spans: InMemorySpanExporter
) -> None:
    prison.agency.call("GET", f"/v1/inmate-files/{reference}?{reference}=Wexample")
    prison.agency.call("PUT", f"/v1/inmate-files/{reference}", {"Wexample": reference})
    prison.move(reference, town.today + timedelta(days=4))
    town.settle()
    found = spans.get_finished_spans()
    assert {one.name for one in found} == {"request", "door", "decision", "commit", "attempt"}
    assert all(
        is_allowed(label, str(text))
        for one in found
        for label, text in (one.attributes or {}).items()
    )
    shown = " ".join(one.to_json() for one in found).lower()
    names = planted(town, prison, welfare, reference)
    assert [name for name in names if name.lower() in shown] == []


def test_a_request_that_fails_tells_the_class_of_its_error_alone(
    spans: InMemorySpanExporter,
) -> None:
    with pytest.raises(LookupError), tracing.span("request", root=True, route="none"):
        raise LookupError("Wexample")
    failed = named(spans, "request")
    assert failed.attributes == {"route": "none", "error": "LookupError"}
    assert "Wexample" not in failed.to_json()


def test_the_service_lives_and_is_ready(world: World) -> None:
    for path, more in (("/health/live", {}), ("/health/ready", {"quorum": "none named"})):
        answer = world.raw("GET", path)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok", **more})


def test_who_asks_while_somebody_looks_is_told_what_that_look_finds(world: World) -> None:
    readiness = world.service.readiness

    async def ask() -> list[bool]:
        first = asyncio.create_task(readiness.ask())
        await asyncio.sleep(0)
        look = readiness._look  # noqa: SLF001 - a test looks inside
        others = [asyncio.create_task(readiness.ask()) for _ in range(10)]
        await asyncio.sleep(0)
        assert readiness._look is look  # noqa: SLF001 - as above
        return list(await asyncio.gather(first, *others))

    assert asyncio.run(ask()) == [False] * 11


# What is not as it must be, by its name; how it comes about, and how it is put right.
BROKEN = {
    "tables": (
        "UPDATE alembic_version SET version_num = 'older' || version_num",
        "UPDATE alembic_version SET version_num = substr(version_num, 6)",
    ),
    "keys": (
        "INSERT INTO key_encryption_key (key_id) VALUES ('somewhere-else')",
        "DELETE FROM key_encryption_key WHERE key_id = 'somewhere-else'",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_service_that_cannot_read_what_is_stored_is_not_ready(world: World, name: str) -> None:
    broken, right = BROKEN[name]
    world.owner.run_blocking(lambda c: c.execute(text(broken)) and None)
    answer = world.raw("GET", "/health/ready")
    world.owner.run_blocking(lambda c: c.execute(text(right)) and None)
    is_problem(answer, 503, "not-ready")
    assert answer.json()["detail"] == f"not as it must be: {name}"
    assert world.raw("GET", "/health/ready").status_code == 200


def test_a_service_whose_log_is_not_what_was_signed_is_not_ready(
    world: World, tmp_path: Path
) -> None:
    file = world.settings.checkpoint_file
    away = file.rename(tmp_path / "checkpoint")
    answer = world.raw("GET", "/health/ready")
    away.rename(file)
    is_problem(answer, 503, "not-ready")
    assert answer.json()["detail"] == "not as it must be: log"


def test_a_service_whose_policy_cannot_be_used_is_not_ready(world: World) -> None:
    in_force = world.service.in_force
    house = in_force.house
    standing = world.service.database.read_blocking(register.latest)
    in_force.house, in_force._unusable = replace(house, activation=0), standing  # noqa: SLF001 - as when it could not be loaded
    answer = world.raw("GET", "/health/ready")
    in_force.house, in_force._unusable = house, None  # noqa: SLF001 - as above
    is_problem(answer, 503, "policy-unavailable")
    assert world.raw("GET", "/health/ready").status_code == 200


def test_a_service_without_its_database_lives_and_is_not_ready(world: World, page: Page) -> None:
    world.service.database.close()
    is_problem(world.raw("GET", "/health/ready"), 503, "unavailable")
    assert world.raw("GET", "/health/live").status_code == 200
    found = families(page)
    assert found["throughcare_database_readable"].samples[0].value == 0
    assert "throughcare_request_seconds" in found
