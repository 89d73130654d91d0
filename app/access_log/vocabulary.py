"""Terms of the access log: what was done, by which way, with which outcome.

Operations follow Article 25(1) of the Law Enforcement Directive (EU) 2016/680 (collection,
alteration, consultation, disclosure including transfers, combination, erasure), and add what
happens to the log and its rules themselves.
"""

from enum import StrEnum


class Operation(StrEnum):
    """What was done."""

    COLLECTION = "collection"
    ALTERATION = "alteration"
    CONSULTATION = "consultation"
    DISCLOSURE = "disclosure"
    COMBINATION = "combination"
    ERASURE = "erasure"
    LOG_READ = "log-read"
    POLICY_CHANGE = "policy-change"
    KEY_EVENT = "key-event"
    DELIVERY = "delivery"
    ALERT = "alert"


class Channel(StrEnum):
    """By which way it was done."""

    READ = "read"
    PUSH = "push"
    INBOX = "inbox"
    PAPER = "paper"
    IMPORT = "import"
    ADMINISTRATION = "administration"
    AUDIT = "audit"


class Outcome(StrEnum):
    """How it ended. `attempted` is the intent that a push records before it sends."""

    RELEASED = "released"
    REFUSED = "refused"
    RECORDED = "recorded"
    DELIVERED = "delivered"
    FAILED = "failed"
    CANCELLED = "cancelled"
    ATTEMPTED = "attempted"
    ACKNOWLEDGED = "acknowledged"
