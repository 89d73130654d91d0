"""Requests that are generated from the contract, sent by agencies that can prove who they are.

Schemathesis makes the requests and judges the answers; here stands what it cannot know: that a
credential is made for one request, and which persons there are.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import schemathesis
from pydantic import ValidationError
from schemathesis.auths import AuthContext
from schemathesis.config import ChecksConfig
from schemathesis.engine import events, from_schema
from schemathesis.engine.run import PhaseName
from schemathesis.openapi.loaders import from_dict
from schemathesis.schemas import BaseSchema
from schemathesis.wfc.escalation import EscalatingAuthProvider

from app.api.application import make_application
from app.api.body import NDJSON
from app.api.models import NewSubscription
from tests.api.exchange import Exchange, Speaker
from tests.world import sealing_keys

# Not judged: that what fits the schema is accepted. A date may be over, an agency unknown, a
# code mistyped: the schema says what can be read, and the rules are tested where they stand.
NOT_JUDGED = ["positive_data_acceptance"]
# Not judged of single operations, by the title of the finding.
EXCEPTIONS = {
    # Each line is answered by itself, refused or not, under one 200.
    ("POST /v1/inmate-files/import", "Schema-violating request accepted"),
    # `import` is also what a reference may look like, so that GET and PUT are served there.
    ("POST /v1/inmate-files/import", "Allow header mismatch"),
}
# Nobody listens there.
ENDPOINT = "http://127.0.0.1:9/notifications"
PHASES = (PhaseName.COVERAGE, PhaseName.FUZZING, PhaseName.STATEFUL_TESTING)


@dataclass(frozen=True)
class Proving:
    """Credentials of an agency, made for each request: a token, and a proof for this address."""

    speaker: Speaker

    def get(self, _case: schemathesis.Case[Any], _context: AuthContext) -> str:
        return self.speaker.token

    def set(self, case: schemathesis.Case[Any], token: str, _context: AuthContext) -> None:
        path = case.formatted_path.partition("?")[0]
        made = self.speaker.credentials(case.method.upper(), path, token=token)
        case.headers.update(made)


@dataclass(frozen=True)
class Finding:
    """An answer that breaks the contract."""

    operation: str
    title: str
    message: str
    request: str


@dataclass
class Fuzzer:
    """The contract with two agencies that must not see each other's objects."""

    schema: BaseSchema
    agencies: EscalatingAuthProvider

    def findings(self, *, examples: int, phases: tuple[PhaseName, ...]) -> Iterator[Finding]:
        """Send so many requests to each operation, in these phases."""
        config = self.schema.config
        config.generation.max_examples = examples
        for phase in PHASES:
            config.phases.get_by_name(name=phase.value).enabled = phase in phases
        for event in from_schema(self.schema).execute():
            if isinstance(event, events.ScenarioFinished):
                yield from _failures(event)
            if isinstance(event, events.NonFatalError | events.FatalError):
                yield Finding("", type(event).__name__, str(vars(event)), "")


def fuzzer(exchange: Exchange, *, seed: int) -> Fuzzer:
    """Two prisons, each with a file, and the contract that the code has now."""
    key = next(sealing_keys())
    prisons = [exchange.agency("correctional_service", decryption=key) for _ in range(2)]
    persons = [exchange.person(prison) for prison in prisons]
    schema = from_dict(make_application().openapi())
    schema.config.update(base_url=exchange.world.settings.issuer)
    schema.config.seed = seed
    schema.config.checks = ChecksConfig()
    schema.config.checks.update(excluded_check_names=NOT_JUDGED)
    ids = tuple(prison.id for prison in prisons)
    agencies = EscalatingAuthProvider([Proving(one) for one in prisons], list(ids), peers=ids)
    schema.auth.providers.append(agencies)
    _know(schema, persons, key.public_jwk())
    return Fuzzer(schema, agencies)


def _know(schema: BaseSchema, persons: list[str], sealing_jwk: Mapping[str, Any]) -> None:
    """Let every other request be about somebody who exists."""

    @schema.hook
    def map_path_parameters(
        _context: schemathesis.HookContext, path_parameters: dict[str, Any] | None
    ) -> dict[str, Any] | None:
        drawn = str((path_parameters or {}).get("reference", ""))
        if not path_parameters or not drawn or ord(drawn[0]) % 2:
            return path_parameters
        return {**path_parameters, "reference": persons[len(drawn) % len(persons)]}

    @schema.hook
    def map_body(context: schemathesis.HookContext, body: Any) -> Any:  # noqa: ANN401 - any JSON
        """A subscription that can be made, in place of one that only reads like it."""
        asked = context.operation
        if asked is None or asked.label != "POST /v1/subscriptions" or not _reads_like_one(body):
            return body
        pushed = {"delivery": "push", "endpoint": ENDPOINT, "encryption_jwk": sealing_jwk}
        return {**body, **pushed}


def _reads_like_one(body: object) -> bool:
    """Whether it fits its schema: what is made not to fit has to be sent as it was made.

    The schema does not say which delivery goes with an endpoint.
    """
    if not isinstance(body, dict) or body.get("delivery", "push") not in ("push", "poll"):
        return False
    return any(_is_one({**body, "delivery": way}) for way in ("push", "poll"))


def _is_one(body: object) -> bool:
    try:
        NewSubscription.model_validate(body, strict=True)
    except ValidationError:
        return False
    return True


@schemathesis.serializer(NDJSON)
def lines(_context: schemathesis.SerializationContext, value: Any) -> bytes:  # noqa: ANN401 - any JSON
    """A body of lines: one line."""
    return json.dumps(value).encode()


def _failures(event: events.ScenarioFinished) -> Iterator[Finding]:
    for case_id, checks in event.recorder.checks.items():
        case = event.recorder.cases[case_id].value
        for check in checks:
            if check.failure_info is None:
                continue
            failure = check.failure_info.failure
            if (case.operation.label, failure.title) not in EXCEPTIONS:
                request = f"{case.method} {case.path_parameters} {case.query} {case.body!r}"[:400]
                yield Finding(case.operation.label, failure.title, failure.message, request)
