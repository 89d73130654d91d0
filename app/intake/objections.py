"""Why a submission is not stored: rights, conditions, rules between fields. Pure."""

from collections.abc import Mapping

from app.agencies.tokens import Caller
from app.disclosure.disclose import NO_SUCH_FILE, Decided, render
from app.disclosure.entity_tags import etag_of, names
from app.files.models import check_consistency
from app.files.store import Section
from app.house import House
from app.intake.submission import Precondition, Submission
from app.problems import (
    FieldError,
    Forbidden,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ThroughcareError,
)

# Without it there is nobody whose file this is.
OPENING_SECTION = "identity"


def objection(
    house: House, caller: Caller, submission: Submission, decided: Decided
) -> ThroughcareError | None:
    """Why this submission may not be stored, or None."""
    permitted = decided.decision.contribute
    exists = decided.file.version > 0
    if not exists and not (submission.complete and OPENING_SECTION in permitted):
        return NotFound(NO_SUCH_FILE)
    if not permitted and decided.projection.empty:
        return NotFound(NO_SUCH_FILE)
    if not permitted or not submission.sections.keys() <= permitted:
        return Forbidden("a section can be written by the role that owns it only")
    etag = etag_of(render(house, caller, submission.reference, decided.projection))
    return _failed_precondition(submission.precondition, etag if exists else None)


def _failed_precondition(given: Precondition, etag: str | None) -> ThroughcareError | None:
    if given.if_match is not None and not names(given.if_match, etag):
        return PreconditionFailed("the file is not in a state that If-Match names")
    if given.if_none_match is not None and names(given.if_none_match, etag, weak=True):
        return PreconditionFailed("the file is in a state that If-None-Match excludes")
    if given.required and etag is not None and given.if_match is None:
        return PreconditionRequired("a change of a stored file needs If-Match with its ETag")
    return None


def contradiction(
    submission: Submission, sections: Mapping[str, Section]
) -> ThroughcareError | None:
    """Why a submitted value may not stand beside the others of the file, or None.

    Only what is submitted is held against the rules: a court that changes its section must
    not learn what others recorded in theirs. What then contradicts it is shown to nobody.
    """
    try:
        check_consistency(sections)
    except InvalidInput as broken:
        pointers = _pointers(submission)
        findings = tuple(
            FieldError(pointers[error.pointer], error.message)
            for error in broken.errors
            if error.pointer in pointers
        )
        return InvalidInput(broken.detail, errors=findings) if findings else None
    return None


def _pointers(submission: Submission) -> dict[str, str]:
    """Where each submitted value stands: by its place in the file, its place in the body."""
    return {
        f"/sections/{section}/{name}": (
            f"/sections/{section}/{name}" if submission.complete else f"/{name}"
        )
        for section, fields in submission.sections.items()
        for name, envelope in fields.items()
        if envelope is not None
    }
