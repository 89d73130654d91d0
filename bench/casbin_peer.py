"""casbin (pycasbin), given the shipped policies in its own language.

Attribute-based access control as casbin's documentation has it: each policy is a row with a
condition that the matcher evaluates; deny overrides. An enforcer holds the rows of one role alone,
and knows a row's actions by one look into a set: both spare it work that its own means would cost.
"""

import logging
from collections.abc import Iterable
from types import SimpleNamespace

import casbin

from app.policy.policies import Policy
from app.policy.request import Request
from bench.languages import Actions, facts, in_casbin

MODEL = """
[request_definition]
r = sub, act
[policy_definition]
p = id, rule, eft
[policy_effect]
e = some(where (p.eft == allow)) && !some(where (p.eft == deny))
[matchers]
m = names(r.act, p.id) && eval(p.rule)
"""
# It would write a line for every refusal.
logging.getLogger("casbin").setLevel(logging.CRITICAL)
OPTIONAL = dict.fromkeys(("days_to_release", "return_municipality", "leave_municipality"))


class Casbin:
    """The enforcer of one role."""

    def __init__(self, policies: Iterable[Policy], actions: Actions, fields: Iterable[str]) -> None:
        self._fields = frozenset(fields)
        model = casbin.Enforcer.new_model(text=MODEL)
        self._enforcer = casbin.Enforcer(model)
        self._enforcer.add_policies(
            [[p.id, in_casbin(p), "deny" if p.is_forbid else "allow"] for p in policies]
        )
        named = {(action, id_) for id_, names in actions.items() for action in names}
        self._enforcer.add_function("names", lambda action, id_: (action, id_) in named)

    def allowed(self, request: Request, actions: Iterable[str]) -> frozenset[str]:
        """Which of these releases it permits; of each it also told the row that decided."""
        subject = SimpleNamespace(**{**OPTIONAL, **facts(request, self._fields)})
        answers = ((action, *self._enforcer.enforce_ex(subject, action)) for action in actions)
        return frozenset(action for action, permitted, _ in answers if permitted)
