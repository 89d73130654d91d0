"""A recorded decision, put to a bundle again from its own sealed inputs."""

from dataclasses import dataclass
from enum import StrEnum

from app.access_log.decisions import WITHHELD_FORM, RecordedDecision
from app.access_log.opened_entry import ERASED
from app.policy.bundle import Bundle
from app.policy.decision import Decision
from app.policy.errors import DecisionFailed
from app.policy.recorded_request import RecordedRequest, from_record
from app.problems import InvalidInput


class Status(StrEnum):
    """How a repetition went."""

    # The same bundle gives what was recorded.
    REPRODUCED = "reproduced"
    # Another bundle had decided.
    OTHER_POLICY = "other_policy"
    # The same bundle gives something else: inputs, record or program are no longer the same.
    CONTRADICTED = "contradicted"
    # A record that this program cannot read, or from which nothing can be decided.
    UNREADABLE = "unreadable"
    ERASED = "erased"
    DAMAGED = "damaged"


@dataclass(frozen=True, slots=True)
class Repeated:
    """`asked` and `decision` stand where the record could be read and decided.

    `agrees`: the forms are those that were recorded, of each field that the record speaks of.
    """

    status: Status
    asked: RecordedRequest | None = None
    decision: Decision | None = None
    agrees: bool = False


def repeat(recorded: RecordedDecision, bundle: Bundle) -> Repeated:
    """Decide again, on the legal day of the record."""
    if recorded.inputs is None:
        return Repeated(Status.ERASED if recorded.missing == ERASED else Status.DAMAGED)
    try:
        asked = from_record(recorded.inputs)
        decision = bundle.decide(asked.request, at=asked.day)
    except (InvalidInput, DecisionFailed):
        return Repeated(Status.UNREADABLE)
    agrees = all(form_of(decision, path) == form for path, form in recorded.forms.items())
    status = Status.REPRODUCED if agrees else Status.CONTRADICTED
    if recorded.policy != bundle.digest:
        status = Status.OTHER_POLICY
    return Repeated(status, asked, decision, agrees)


def form_of(decision: Decision, path: str) -> str:
    """The form of a field; a field that the catalogue has no more is withheld."""
    field = decision.fields.get(path)
    return WITHHELD_FORM if field is None else field.form.code
