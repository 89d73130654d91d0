"""Traces of single requests and attempts (OpenTelemetry), where an installation asks for them.

Off, a span is one look at a variable: nothing of OpenTelemetry is imported. On, every request and
every attempt begins a trace of its own: what a caller says of a trace (W3C Trace Context) is not
read, so that nobody outside chooses what is kept. Attributes are those of `labels`.
"""

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, contextmanager, nullcontext
from time import time_ns
from typing import TYPE_CHECKING, Any, TypeVar

from app.telemetry.labels import allowed

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

T = TypeVar("T")
C = TypeVar("C")
# Of a thread, or of a loop.
F = TypeVar("F", bound="Future[Any] | asyncio.Future[Any]")

NAME = "throughcare"

_tracer: "Tracer | None" = None
_NOTHING: AbstractContextManager[None] = nullcontext()


def use(tracer: "Tracer | None") -> None:
    """From now on spans go to this tracer of the process; None: nowhere."""
    global _tracer  # noqa: PLW0603 - a span that nobody keeps may cost no more than a look
    _tracer = tracer


def span(name: str, *, root: bool = False, **attributes: str) -> AbstractContextManager[None]:
    """What happens in the block, as part of what it happens in; `root`: as a trace of its own."""
    return _NOTHING if _tracer is None else _opened(_tracer, name, attributes, root=root)


def note(**attributes: str) -> None:
    """Say more of the span that is open."""
    if _tracer is not None:
        from opentelemetry.trace import get_current_span  # noqa: PLC0415 - imported where it is on

        get_current_span().set_attributes(allowed(attributes))


def queued(work: Callable[[C], T], queue: Callable[[Callable[[C], T]], F]) -> F:
    """Hand work to another thread, which has its spans as part of what happens here, if it is kept.

    `door` is the work itself, `commit` from its end until it is durable.
    """
    return queue(work) if _tracer is None else _queued(_tracer, work, queue)


@contextmanager
def _opened(
    tracer: "Tracer", name: str, attributes: dict[str, str], *, root: bool
) -> Iterator[None]:
    from opentelemetry.context import Context  # noqa: PLC0415 - as above

    # An exception is told by its class: its words may hold what was sent or stored.
    with tracer.start_as_current_span(
        name,
        context=Context() if root else None,
        attributes=allowed(attributes),
        record_exception=False,
        set_status_on_exception=False,
    ) as opened:
        try:
            yield
        except BaseException as error:
            _fail(opened, error)
            raise


def _queued(
    tracer: "Tracer",
    work: Callable[[C], T],
    queue: Callable[[Callable[[C], T]], F],
) -> F:
    from opentelemetry import context, trace  # noqa: PLC0415 - as above

    if not trace.get_current_span().is_recording():
        return queue(work)
    here = context.get_current()
    done_at = 0

    def traced(connection: C) -> T:
        nonlocal done_at
        token = context.attach(here)
        try:
            with span("door"):
                return work(connection)
        finally:
            done_at = time_ns()
            context.detach(token)

    def committed(future: Future[T] | asyncio.Future[T]) -> None:
        # Work that was never begun, or has failed, has no commit.
        if done_at and not future.cancelled() and future.exception() is None:
            tracer.start_span("commit", context=here, start_time=done_at).end()

    future = queue(traced)
    future.add_done_callback(committed)
    return future


def _fail(opened: "Span", error: BaseException) -> None:
    from opentelemetry.trace import StatusCode  # noqa: PLC0415 - as above

    opened.set_status(StatusCode.ERROR)
    opened.set_attributes(allowed({"error": type(error).__name__}))


def is_installed() -> bool:
    """Whether spans could be sent: the extra `tracing` is installed."""
    try:
        import opentelemetry.exporter.otlp.proto.http.trace_exporter  # noqa: PLC0415 - as above
        import opentelemetry.sdk.trace  # noqa: F401, PLC0415 - as above
    except ImportError:
        return False
    return True


@contextmanager
def exported(*, wanted: bool) -> Iterator[None]:
    """Send the spans of the block where OpenTelemetry's own variables say (OTEL_*), if wanted."""
    if not wanted:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - as above
        OTLPSpanExporter,
    )
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415 - as above
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415 - as above

    # Not the provider of the whole process: what other libraries would trace is theirs, and may
    # hold addresses.
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    use(provider.get_tracer(NAME))
    try:
        yield
    finally:
        use(None)
        provider.shutdown()
