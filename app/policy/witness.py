"""A request that shows something, tried on the reference engine.

What the solver found (`examples`) is put to the engine with the whole set of policies. A
witness that the engine does not confirm is an error of this program, never a result.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import cedarpy

from app.policy import engine
from app.policy.actions import Vocabulary
from app.policy.policies import Policy
from app.policy.request import Request
from app.policy.request_json import request_to_json
from app.policy.schema import schema_text
from app.problems import ThroughcareError


class ReplayDiffers(ThroughcareError):
    """The reference engine does not confirm what the solver found: this program is wrong."""

    title = "A proof and the reference engine differ"
    slug = "replay-differs"


@dataclass(frozen=True, slots=True, kw_only=True)
class Witness:
    """A request on a day, and the action that is released there (or is not, as told).

    `policies` are the permits by which the engine allows it; `other` is a second request
    where the matter is how two compare.
    """

    request: Request
    day: date
    action: str
    policies: tuple[str, ...]
    other: Request | None = None

    def to_json(self) -> dict[str, Any]:
        """As a report shows it."""
        field, _, form = self.action.partition("#")
        what = {"field": field, "form": form} if form else {"action": self.action}
        content = {
            **what,
            "role": self.request.role,
            "purpose": self.request.purpose,
            "day": self.day.isoformat(),
            "policies": list(self.policies),
            "request": request_to_json(self.request),
        }
        return content if self.other is None else {**content, "other": request_to_json(self.other)}


class Replay:
    """The reference engine with a whole set of policies, permits and forbids."""

    def __init__(self, policies: Iterable[Policy], vocabulary: Vocabulary) -> None:
        self._rules = {policy.id: policy.rule for policy in policies}
        self._vocabulary = vocabulary

    @cached_property
    def _authorizer(self) -> engine.Authorizer:
        schema = cedarpy.Schema.from_str(schema_text(self._vocabulary))
        return engine.Authorizer(self._rules, schema, self._vocabulary.fields)

    def permits(self, request: Request, actions: Sequence[str]) -> list[tuple[str, ...]]:
        """For each action the ids of the permits by which it is allowed; none if it is not."""
        answers = self._authorizer.reasons(actions, request)
        return [tuple(sorted(answer or ())) for answer in answers]

    def confirm(self, request: Request, action: str, *, released: bool) -> tuple[str, ...]:
        """The permits of an action that is released, or none if that was said.

        Raises:
            ReplayDiffers: the engine says otherwise.
        """
        (permits,) = self.permits(request, [action])
        if bool(permits) != released:
            raise ReplayDiffers(f"the reference engine does not confirm what was found: {action}")
        return permits
