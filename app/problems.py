"""Errors: types inside, RFC 9457 problem documents at the edge.

    ThroughcareError
    ├── InvalidInput            422  what was sent does not fit; one FieldError for each finding
    │   └── MalformedBody       400  the body is not what its content type says
    ├── Unauthenticated         401  nobody that we know speaks
    ├── Forbidden               403  we know who speaks, and it may not do this
    ├── NotFound                404  not there, or not to be known of: the two look the same
    ├── RequestTimedOut         408  the body did not come in time
    ├── Conflict                409  what is stored speaks against it
    ├── PreconditionFailed      412  If-Match names another state than the present one
    ├── BodyTooLarge            413  more bytes than the setting allows
    ├── UnsupportedMediaType    415  another content type than the route takes
    ├── PreconditionRequired    428  a change needs If-Match
    ├── TooManyRequests         429  this caller asks too much; it is told when to come again
    │   └── TooManyAttempts     429  too much was tried in vain
    └── Unavailable             503  nothing was recorded, so nothing is released
        └── Overloaded          503  more waits than may; one is told when to come again

What is not in this tree becomes a 500 that tells nothing. A message never repeats
what was sent: it may be personal data.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class FieldError:
    """One finding: where (RFC 6901 pointer, or `line 7` of an import) and what was expected."""

    pointer: str
    message: str


class ThroughcareError(Exception):
    """Base of every error that a caller may see. `detail` is safe to show."""

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"
    slug: ClassVar[str] = "internal"

    def __init__(self, detail: str, *, errors: tuple[FieldError, ...] = ()) -> None:
        super().__init__(detail)
        self.detail = detail
        self.errors = errors


class InvalidInput(ThroughcareError):
    """What was sent does not fit its schema or a rule between its fields."""

    status = 422
    title = "The content does not fit"
    slug = "invalid-input"


class MalformedBody(InvalidInput):
    """The body cannot be read as its content type says."""

    status = 400
    title = "The body cannot be read"
    slug = "malformed-body"


class Unauthenticated(ThroughcareError):
    """No valid credential. `reason` is an error code of RFC 6750, section 3.1, or RFC 9449."""

    status = 401
    title = "A valid credential is needed"
    slug = "unauthenticated"
    reason: ClassVar[str] = "invalid_token"


class Forbidden(ThroughcareError):
    """The caller is known and may not do this."""

    status = 403
    title = "Not permitted"
    slug = "forbidden"


class NotFound(ThroughcareError):
    """Not there, or not to be known of."""

    status = 404
    title = "Not found"
    slug = "not-found"


class RequestTimedOut(ThroughcareError):
    """The body did not come in time."""

    status = 408
    title = "The request took too long"
    slug = "request-timed-out"


class Conflict(ThroughcareError):
    """What is stored speaks against the request."""

    status = 409
    title = "Conflict with what is stored"
    slug = "conflict"


class PreconditionFailed(ThroughcareError):
    """If-Match names a state that is no longer the present one."""

    status = 412
    title = "Changed in the meantime"
    slug = "precondition-failed"


class BodyTooLarge(ThroughcareError):
    """The body is longer than the limit."""

    status = 413
    title = "The body is too large"
    slug = "body-too-large"


class UnsupportedMediaType(ThroughcareError):
    """The route takes another content type."""

    status = 415
    title = "Unsupported content type"
    slug = "unsupported-media-type"


class PreconditionRequired(ThroughcareError):
    """A change of something that exists needs If-Match."""

    status = 428
    title = "If-Match is required"
    slug = "precondition-required"


class TooManyRequests(ThroughcareError):
    """This caller asks more than it may. `retry_after`: whole seconds until one more is taken."""

    status = 429
    title = "Too many requests"
    slug = "too-many-requests"

    def __init__(self, detail: str, *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class TooManyAttempts(TooManyRequests):
    """The client has tried too much in vain; for a while nothing more is looked at."""

    title = "Too many attempts in vain"
    slug = "too-many-attempts"


class Unavailable(ThroughcareError):
    """The record could not be made durable, so nothing leaves. `retry_after`: whole seconds."""

    status = 503
    title = "Temporarily unavailable"
    slug = "unavailable"
    # A server that was started anew, or the one that took over, is there by then.
    retry_after: ClassVar[int] = 5


class Overloaded(Unavailable):
    """Too much waits to be recorded. Nothing was done."""

    title = "Too much is waiting"
    slug = "overloaded"
    # What waits is committed within a second, unless something is wrong.
    retry_after = 1


def document(error: ThroughcareError) -> Mapping[str, Any]:
    """The problem document of an error: JSON members `type title status detail errors`."""
    problem: dict[str, Any] = {
        "type": f"urn:throughcare:problem:{error.slug}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
    }
    if error.errors:
        problem["errors"] = [{"pointer": e.pointer, "message": e.message} for e in error.errors]
    return problem
