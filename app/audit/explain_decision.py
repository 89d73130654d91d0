"""Why a recorded decision was as it was, for an auditor, who never sees a value.

From the sealed inputs of the entry. What is told is which condition of which policy was met, in
the words of the policy: neither a municipality nor a number of days leaves.
"""

from typing import Any

import orjson
from sqlalchemy import Connection

from app.access_log import decisions
from app.access_log.decisions import RecordedDecision
from app.audit.repeat import Repeated, Status, repeat
from app.files.padding import padded
from app.house import House
from app.policy.explain import explain
from app.policy.told import told

# Every explanation of the shipped policies fits: the length says nothing of the facts of a case.
SMALLEST_ANSWER = 65_536


def explain_decision(connection: Connection, house: House, entry_id: str) -> bytes | None:
    """The body of the answer; None where no decision stands under this id.

    Conditions are told only where the bundle in force is the one that decided and decides the
    same again; otherwise `status` says why not, and forms and policies are those of the record.
    """
    recorded = decisions.find(connection, entry_id, keys=house.log_keys())
    if recorded is None:
        return None
    repeated = repeat(recorded, house.bundle)
    content = {
        "entry": recorded.entry_id,
        "policy": recorded.policy,
        "status": repeated.status,
        **_asked(repeated),
        **_explained(house, recorded, repeated),
    }
    return padded(orjson.dumps(content), smallest=SMALLEST_ANSWER)


def _asked(repeated: Repeated) -> dict[str, str | None]:
    if repeated.asked is None:
        return {"role": None, "purpose": None, "day": None}
    request = repeated.asked.request
    day = repeated.asked.day.isoformat()
    return {"role": request.role, "purpose": request.purpose, "day": day}


def _explained(house: House, recorded: RecordedDecision, repeated: Repeated) -> dict[str, Any]:
    if repeated.status is not Status.REPRODUCED or repeated.asked is None:
        return {"fields": _as_recorded(recorded), "policies": {}}
    explanation = explain(house.bundle, repeated.asked.request, at=repeated.asked.day)
    return told(explanation.only(recorded.forms))


def _as_recorded(recorded: RecordedDecision) -> list[dict[str, Any]]:
    return [
        {
            "field": path,
            "form": form,
            "reason": recorded.reasons.get(path),
            "released_by": list(recorded.policies.get(path, ())),
            "cut_by": [],
            "would_open": [],
        }
        for path, form in recorded.forms.items()
    ]
