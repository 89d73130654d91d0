"""What answers and small requests look like, for validation and for the contract."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, model_validator
from pydantic import Field as Member

from app.access_log.vocabulary import Channel, Operation, Outcome
from app.files.formats import DATE, DATE_TIME, parse_date_time
from app.files.models import InmateFileSections, ReleasedSections
from app.files.rules import refuse
from app.notifications.acknowledge import Kind

# What a reference may look like: it stands in addresses.
REFERENCE = re.compile(r"^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$")

Reference = Annotated[str, Member(pattern=REFERENCE.pattern)]
# Ids of agencies, officers and the like: short, and nothing that a database cannot compare.
Identifier = Annotated[str, Member(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]


def _moment(value: object) -> datetime:
    """From text alone: pydantic would also take numbers, and times in other forms."""
    if not isinstance(value, str):
        raise refuse("string_type", f"Expected {DATE_TIME.expected}")
    return parse_date_time(DATE_TIME.check(value))


# With its offset: a time without one is another moment for every reader.
Moment = Annotated[
    datetime,
    BeforeValidator(_moment),
    Member(description=DATE_TIME.expected),
]
# A field of a section, as an entry names it; one that the catalogue has no more can be asked for.
FieldPath = Annotated[str, Member(pattern=r"^[a-z_]{1,40}\.[a-z_]{1,40}$")]
# An index of the log: larger numbers are none, on any database.
Index = Annotated[int, Member(ge=0, lt=2**53)]
# A number of a notice, as the databases keep it.
SequenceNumber = Annotated[int, Member(ge=0, lt=2**31)]
PageSize = Annotated[int, Member(ge=1, le=200)]
# A compact JWS with ES256 and a handful of claims is far shorter.
Signed = Annotated[str, Member(min_length=1, max_length=4096)]


Endpoint = Annotated[str, Member(min_length=1, max_length=2048)]
Finished = Literal["sent", "cancelled", "dead", "quarantined"]
DeliveryStatus = Literal["queued", "sent", "cancelled", "dead", "quarantined"]
Reason = Literal["not_for_this_role", "not_for_this_purpose", "conditions_not_met"]


class Model(BaseModel):
    """Strict: JSON types as they are, no unknown members."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


class Problem(Model):
    """A problem document (RFC 9457). `errors` names each finding by its pointer."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = Member(default_factory=list)


class Withheld(Model):
    """A field that is not released, and why. The reason depends on role and purpose only."""

    field: str
    reason: Reason


class InmateFileView(Model):
    """What one caller may have of one file. Every field of the catalogue is in one of the two."""

    reference: str
    purpose: str
    legal_basis: str
    policy: str = Member(description="SHA-256 of the policy bundle that decided.")
    released: ReleasedSections  # type: ignore[valid-type]  # made at run time from the catalogue
    withheld: list[Withheld]


class ExplanationQuery(BaseModel):
    """About whom a custodian asks; both or neither. Another parameter is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: Identifier | None = None
    purpose: Identifier | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.agency is None) != (self.purpose is None):
            raise ValueError("expected agency and purpose, or neither")
        return self


class FieldReason(Model):
    """The form of a field for the caller; the reason stands where it is withheld."""

    field: str
    form: Literal["none", "existence", "generalised", "summary", "full"]
    reason: Reason | None


class OpeningView(Model):
    """A permit that would give a higher form, if its unmet conditions were met."""

    policy: str
    form: Literal["existence", "generalised", "summary", "full"]


class ExplainedField(FieldReason):
    """The same, with the policies that gave a form, took one away, or would give a higher one."""

    released_by: list[str]
    cut_by: list[str]
    would_open: list[OpeningView]


class ConditionView(Model):
    """A condition in words, with its letters in the matrix, and whether it was met."""

    letters: str
    words: str
    met: bool


class PolicyView(Model):
    """A policy with its citation and its conditions."""

    effect: Literal["permit", "forbid"]
    legal_basis: str
    citation: str
    agreement: str
    agreement_citation: str
    valid_until: str
    conditions: list[ConditionView]


class Explanation(Model):
    """Form and reason of each field of the catalogue, as the caller's own view has them."""

    reference: str
    purpose: str
    policy: str
    fields: list[FieldReason]


class FullExplanation(Model):
    """For the custodian: what one agency gets now for one purpose, and what is missing."""

    reference: str
    agency: str
    role: str
    purpose: str
    policy: str
    day: str
    has_reference: bool
    fields: list[ExplainedField]
    policies: dict[str, PolicyView]


class DecisionExplanation(Model):
    """For an auditor: why a recorded decision was as it was.

    Conditions stand there where `status` is `reproduced`: the bundle that decided is in force and
    decides the same again. Otherwise forms and policies are those of the record.
    """

    entry: str
    policy: str
    status: Literal["reproduced", "other_policy", "contradicted", "unreadable", "erased", "damaged"]
    role: str | None
    purpose: str | None
    day: str | None
    fields: list[ExplainedField]
    policies: dict[str, PolicyView]


class Contributed(Model):
    """What a submission changed. No count of versions: it would tell of what others write."""

    created: bool
    changed: list[str]


class ImportLine(Model):
    """One line of an import: a file with the reference that it is to have."""

    reference: Reference
    sections: InmateFileSections  # type: ignore[valid-type]  # made at run time from the catalogue


class ImportedLine(Model):
    """The answer to one line of an import."""

    line: int
    status: Literal["created", "changed", "unchanged", "refused"]
    problem: str | None = None
    detail: str | None = None
    errors: list[dict[str, str]] = Member(default_factory=list)


class CaseQuery(BaseModel):
    """Which page of cases. A parameter that does not exist is refused, not overlooked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after: Annotated[str | None, Member(pattern=r"^[0-9a-f]{1,256}$")] = Member(
        None, description="The `next` of the page before."
    )
    limit: PageSize = 50


class Case(Model):
    """A person whom the caller may ask about, by the caller's own reference."""

    reference: str


class Cases(Model):
    """A page of cases; `next` is the cursor of the next page, null at the end."""

    cases: list[Case]
    next: str | None


class NewAssignment(Model):
    """The custodian offers a case to an agency."""

    reference: Reference
    agency: Identifier


class Assignment(Model):
    """A referral: offered, accepted, declined or ended. The reference comes with acceptance."""

    assignment_id: str
    status: Literal["offered", "accepted", "declined", "ended"]
    reference: str | None = None


class Assignments(Model):
    """Offers that wait for the caller's answer."""

    assignments: list[Assignment]


class NewConsent(Model):
    """A consent as an officer took it from the person."""

    reference: Reference
    recipient_agency: Identifier
    purpose: Identifier
    fields: Annotated[list[Identifier], Member(min_length=1, max_length=88)]
    text_version: Identifier
    evidence_sha256: Annotated[str, Member(pattern=r"^[0-9a-f]{64}$")]
    expires_on: Annotated[str, DATE]


class Consent(Model):
    """The id under which a consent can be withdrawn."""

    consent_id: str


class NewSubscription(Model):
    """Where to push to, and the public RSA key (RFC 7517) to seal to.

    With `delivery` `poll` there is no endpoint: the client polls its inbox.
    """

    delivery: Literal["push", "poll"] = "push"
    endpoint: Endpoint | None = None
    encryption_jwk: dict[str, Any]

    @model_validator(mode="after")
    def _endpoint_goes_with_push(self) -> Self:
        if (self.endpoint is not None) != (self.delivery == "push"):
            raise ValueError("expected an endpoint with push, and none with poll")
        return self


class SubscriptionChange(Model):
    """What is to change. An endpoint or a key takes effect once a handshake has proven it."""

    endpoint: Endpoint | None = None
    encryption_jwk: dict[str, Any] | None = None
    paused: bool | None = None


class Subscription(Model):
    """A subscription: pending until its nonce came back signed, then active until it is ended.

    `endpoint_state` says whether pushes go out, and `problem` why they do not.
    """

    subscription_id: str
    delivery: Literal["push", "poll"]
    endpoint: str | None
    status: Literal["pending", "active", "ended"]
    handshake: Literal["open", "done"]
    endpoint_state: Literal["none", "open", "paused", "resting", "disabled"]
    problem: str | None
    rests_until: datetime | None
    last_sequence: int


class Subscriptions(Model):
    """Those of a client that have not ended, the newest first."""

    subscriptions: list[Subscription]


class Replay(Model):
    """Send again what was numbered after `since`; of one status only, if it is given."""

    since: SequenceNumber
    status: Finished | None = None


class Replayed(Model):
    """How many notifications were queued again. Each is decided afresh, under the same `jti`."""

    replayed: int


class SetError(Model):
    """Why a notification could not be read (RFC 8935, section 2.4). `description` is not kept."""

    err: Annotated[str, Member(pattern=r"^[A-Za-z_]{1,40}$")]
    description: Annotated[str, Member(max_length=1000)] = ""


class InboxPoll(Model):
    """A poll in the shape of RFC 8936 (section 2.2), of one subscription.

    `ack` names what is kept, `setErrs` what could not be read; both may be said again. Without
    `returnImmediately` the answer waits for something, within a bound.
    """

    subscription_id: Annotated[str, Member(pattern=r"^[0-9a-f]{32}$")]
    max_events: Annotated[int, Member(alias="maxEvents", ge=0, le=100)] = 50
    return_immediately: Annotated[bool, Member(alias="returnImmediately")] = False
    ack: Annotated[list[Identifier], Member(max_length=200)] = Member(default_factory=list)
    set_errs: Annotated[dict[Identifier, SetError], Member(alias="setErrs", max_length=200)] = (
        Member(default_factory=dict)
    )


class InboxAnswer(Model):
    """Sealed notifications by their `jti` (RFC 8936, section 2.3), and their receipts.

    A receipt is that of a read, in `Disclosure-Receipt`; a push has it in that header, too.
    """

    sets: dict[str, str]
    receipts: dict[str, str]
    more_available: Annotated[bool, Member(alias="moreAvailable")]


class VerificationResponse(Model):
    """The nonce, signed with a registered key of the client (JWS)."""

    response: Signed


class Acknowledgement(Model):
    """The recipient's word on a notification, signed with its key (JWS)."""

    acknowledgement: Signed


class Attempt(Model):
    """One try to deliver."""

    number: int
    channel: Literal["push", "inbox", "paper"]
    started_at: datetime
    milliseconds: int
    status_code: int | None
    problem: str | None


class DeliveryView(Model):
    """A notification on its way, as its subscriber may see it."""

    jti: str
    status: DeliveryStatus
    created_at: datetime
    sequence: int | None
    sent_at: datetime | None
    problem: str | None = Member(description="Why it is not with its receiver.")
    acknowledgement: Kind | None
    attempts: list[Attempt]


class Deliveries(Model):
    """The newest notifications of a subscription."""

    deliveries: list[DeliveryView]


class LogFilters(BaseModel):
    """What to look for in the log. A filter that does not exist is refused, not overlooked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agency: Identifier | None = None
    client: Identifier | None = None
    officer: Identifier | None = None
    person: Identifier | None = Member(
        None, description="The exchange's own id of a person, as an entry names it."
    )
    operation: Operation | None = None
    channel: Channel | None = None
    outcome: Outcome | None = None
    purpose: Identifier | None = None
    legal_basis: Identifier | None = None
    field: FieldPath | None = Member(
        None, description="A field that was released, in whatever form: `section.field`."
    )
    since: Moment | None = None
    until: Moment | None = None


class LogQuery(LogFilters):
    """The same, and which page of it."""

    after: Index | None = Member(None, description="The `next` of the page before.")
    tree_size: Index | None = Member(None, description="That of the first page.")
    limit: PageSize = 50


class LogEntry(Model):
    """An entry of the access log with the sections that still open."""

    index: int
    id: str
    sections: dict[str, dict[str, Any]]
    missing: dict[str, str]


class LogPage(Model):
    """A page of the log as it was at `tree_size`; `next` is the `after` of the next page.

    Entries before `searched_to` were looked at. Who looks for a field may get a short page, or an
    empty one, with a `next`: the fields of an entry are sealed, and so many are opened for a page.
    """

    tree_size: int
    entries: list[LogEntry]
    searched_to: int
    next: int | None


class NewExport(Model):
    """What is to be exported. `log` is the whole log for `verify`, and takes no filters."""

    format: Literal["log", "jsonl", "csv", "fhir"]
    filters: LogFilters = LogFilters()

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.format == "log" and self.filters != LogFilters():
            raise ValueError("expected no filters: it is the whole log")
        return self


class Export(Model):
    """An export of the caller's. `checkpoint` is what every proof in it leads to."""

    export_id: str
    format: str
    state: Literal["waiting", "running", "finished", "failed", "dropped"]
    tree_size: int
    checkpoint: str
    total: int = Member(description="Rows to look at.")
    done: int = Member(description="Rows that were looked at.")
    entries: int = Member(description="Rows that stand in the export.")
    length: int | None
    sha256: str | None
    created_at: datetime
    expires_at: datetime


class FeedSettings(Model):
    """How far a feed is trusted: hours of silence, and what it may turn within a day."""

    stale_after_hours: int
    largest_share: float
    least_count: int
    escalate_after_hours: int


class Feed(Model):
    """The stream of changes of one client. A stale one says nothing, not that nobody leaves."""

    custodian: str
    feed: str
    state: Literal["live", "stale", "held"]
    last_seen_at: datetime
    held_at: datetime | None
    settings: FeedSettings | None = None


class Feeds(Model):
    """Every feed of this installation."""

    feeds: list[Feed]


class SnapshotLine(Model):
    """Somebody who is missing from a snapshot, or the summary at its end."""

    status: Literal["missing", "summary"]
    reference: str | None = None
    created: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    missing: int = 0
    turned: int = 0


class HoldDecision(Model):
    """Whether the notices of a held feed go out."""

    decision: Literal["release", "discard"]


class DecidedHold(Model):
    """How a hold was decided, and of how many notices."""

    client_id: str
    decision: str
    notices: int


class Opening(Model):
    """A section as the log has it, canonical JSON, and the salt of its commitment in base64."""

    content: str
    salt: str


class DisclosureOpenings(Model):
    """The leaf of an entry, as it was hashed, and what opens its commitments to the recipient."""

    entry: str
    leaf: str
    openings: dict[str, Opening]


class MatrixWay(Model):
    """One way of receiving a field: in which form, for what, when, and by which policy."""

    form: Literal["existence", "generalised", "summary", "full"]
    letters: str
    conditions: list[str]
    unless: list[str]
    purposes: list[str]
    policy: str
    legal_basis: str
    agreement: str


class MatrixCell(Model):
    """A role and a field with the highest form and every way to it."""

    role: str
    field: str
    form: Literal["existence", "generalised", "summary", "full"]
    ways: list[MatrixWay]


class NamedAuthority(Model):
    """A legal authority that the country names: which parts of the file it opens, and to whom."""

    id: str
    title: str
    citation: str
    role: str | None
    agency: str | None
    parts: list[str]
    purposes: list[str]
    valid_from: str
    valid_until: str
    review_date: str
    illustrative: bool


class PolicyMatrix(Model):
    """The disclosure matrix of a bundle on a day; a cell that is not there gives nothing."""

    digest: str
    day: str
    letters: dict[str, str]
    roles: list[str]
    fields: list[str]
    cells: list[MatrixCell]
    authorities: list[NamedAuthority]


class Token(Model):
    """A token response (RFC 6749, section 5.1; RFC 9396; RFC 9449; RFC 8693, section 2.2.1)."""

    access_token: str
    token_type: Literal["DPoP", "Bearer"]
    expires_in: int
    authorization_details: list[dict[str, str]]
    issued_token_type: str = Member(default="", description="Of a token exchange alone.")


class TokenStatus(Model):
    """An answer of introspection (RFC 7662, section 2.2); of what is not active, no more."""

    active: bool
    iss: str = ""
    aud: str = ""
    client_id: str = ""
    jti: str = ""
    exp: int = 0
    token_type: Literal["DPoP", "Bearer"] = "DPoP"  # noqa: S105 - a kind of token
    officer_assurance: Literal["asserted", "proven"] = "asserted"
    authorization_details: list[dict[str, str]] = []
    cnf: dict[str, str] = {}


class TokenError(Model):
    """A token error (RFC 6749, section 5.2)."""

    error: str
    error_description: str


class Health(Model):
    """Whether the service works."""

    status: Literal["ok"]


class Ready(Health):
    """That the service works, and whether the witnesses of its log do."""

    quorum: Literal["none named", "signs", "missing"] = Member(
        description="Whether enough witnesses of the agreement cosign the checkpoints of the log."
    )


class NewErasureRequest(Model):
    """A wish to erase a person. `recorded_unlawfully` needs no term to end."""

    ground: Literal["retention_ended", "recorded_unlawfully"]


class ErasureStatus(Model):
    """How a request for erasure stands. The certificate is a compact JWS; it names nobody."""

    erasure_id: str
    status: Literal["requested", "approved", "erased"]
    certificate: str | None = None


class NewHold(Model):
    """A reason to keep a file: a citation or a docket number."""

    reason: Annotated[str, Member(pattern=r"^[^\x00-\x1f\x7f]{1,200}$")]


class Hold(Model):
    """A hold that stands."""

    hold_id: str
