"""Every label of a measure and every attribute of a span, with the values that it may have.

INVARIANT: none of them tells a person, an officer, an agency, a role, a place, a purpose or an
event type. With few persons a count by any of these shows who somebody is: a notice more than
usual on the day of a release, and one knows of whom. What stands here is the same for everybody.
"""

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

# A request that no route took; a method that HTTP does not know; an answer that never began.
NO_ROUTE = "none"
OTHER_METHOD = "other"
NO_STATUS = "none"
# How an attempt to deliver ended: taken, refused, no answer, or never sent for a reason of ours.
ATTEMPTS = ("accepted", "refused", "unanswered", "unsent")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def _one_of(values: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, values)))


LABELS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        # Addresses as the contract has them: where one names something, its name stands there.
        "route": re.compile(rf"{NO_ROUTE}|(/[a-z0-9.-]+|/\{{[a-z_]+(:path)?\}})+"),
        "method": _one_of((*METHODS, OTHER_METHOD)),
        "status": re.compile(rf"[1-5][0-9][0-9]|{NO_STATUS}"),
        # What a request or an attempt was, in the words of the access log.
        "operation": _one_of(
            (
                *("collection", "alteration", "consultation", "disclosure", "combination"),
                *("erasure", "log-read", "policy-change", "key-event", "delivery", "alert"),
            )
        ),
        "channel": _one_of(("read", "push", "inbox", "paper", "import", "administration", "audit")),
        # How it ended: that of an entry of the log, or of an attempt to deliver.
        "outcome": _one_of(
            (
                *("released", "refused", "recorded", "delivered", "failed", "cancelled"),
                *("attempted", "acknowledged", *ATTEMPTS),
            )
        ),
        # What a delivery waits for, and what kind of message it is.
        "state": _one_of(("queued", "held", "dead", "quarantined")),
        "kind": _one_of(("news", "request", "control", "oversight", "internal")),
        # Why a decision was not used.
        "reason": _one_of(("disagreement", "misfit")),
        # How witnesses took the last checkpoint.
        "standing": _one_of(("cosigned", "silent", "refused", "unasked")),
        # The class of an error, never its words.
        "error": re.compile(r"[A-Z][A-Za-z]+"),
        "process": _one_of(("serve", "dispatch", "sequence")),
        "version": re.compile(r"[0-9]+(\.[0-9a-z]+)+"),
        "policy": re.compile(r"[0-9a-f]{64}"),
        # The bounds of a histogram.
        "le": re.compile(r"[0-9.]+(e-[0-9]+)?|\+Inf"),
    }
)


def allowed(attributes: Mapping[str, str]) -> dict[str, str]:
    """Those of these that may leave."""
    return {name: value for name, value in attributes.items() if is_allowed(name, value)}


def is_allowed(name: str, value: str) -> bool:
    """Whether this label may have this value."""
    return name in LABELS and LABELS[name].fullmatch(value) is not None
