"""Everything that goes wrong here, as types. No message repeats a key, a token or what it says.

ReceiverError
├── NotificationRefused      what came is no notification for us; `code` is for the sender
│   ├── EnvelopeRefused      not sealed in the one accepted way; no key was used
│   ├── UnknownRecipientKey  sealed to a key that we do not hold
│   ├── NotOpened            sealed to our key, but it does not open: altered, or not for us
│   ├── SignatureRefused     opened, but the token in it is not signed as agreed
│   │   └── UnknownSenderKey   signed with a key that we do not have (yet)
│   └── ClaimRefused         signed, but it does not say what was agreed; `claim` names it
├── TryLater                 it cannot be judged now: say 503, and it comes again
├── AnsweredOtherwise        another answer was given to this notification before
├── EvidenceRefused          a receipt, a note or a proof of the access log does not hold
│   ├── NoteRefused          a signed note: its form, or its signature
│   ├── InclusionRefused     the entry is not where the proof says
│   ├── ReceiptRefused       the receipt is not of this disclosure to us
│   └── ReceiptReused        the receipt came with an earlier disclosure
├── Malformed                a text is not in its one accepted form
├── StoreError               the store cannot be opened
└── UnsafeKey                a key is private where it must be public, too weak, or no key
"""

# Error codes of RFC 8935, section 2.4.
INVALID_REQUEST = "invalid_request"
INVALID_KEY = "invalid_key"
INVALID_ISSUER = "invalid_issuer"
INVALID_AUDIENCE = "invalid_audience"
AUTHENTICATION_FAILED = "authentication_failed"

_CODES_OF_CLAIMS = {"iss": INVALID_ISSUER, "aud": INVALID_AUDIENCE}


class ReceiverError(Exception):
    """Base of everything that a receiving agency's program raises on purpose."""


class NotificationRefused(ReceiverError):
    """What came is not a notification for us, and never will be.

    Attributes:
        code: for the sender, one of the registered error codes of RFC 8935, section 2.4.
        reason: in fixed words.
    """

    code: str = INVALID_REQUEST

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.code}: {self.reason}"


class EnvelopeRefused(NotificationRefused):
    """The message is not sealed in the one accepted way. No key was used on it."""

    code = INVALID_KEY


class UnknownRecipientKey(NotificationRefused):
    """The message is sealed to a key that we do not hold."""

    code = INVALID_KEY


class NotOpened(NotificationRefused):
    """The message names our key and does not open. Why is never told (RFC 7516, 11.5)."""

    code = INVALID_KEY


class SignatureRefused(NotificationRefused):
    """The token inside is not one, or its signature does not fit."""

    code = AUTHENTICATION_FAILED


class UnknownSenderKey(SignatureRefused):
    """The token names a key that is not among the sender's: fetching them anew may help."""

    code = INVALID_KEY


class ClaimRefused(NotificationRefused):
    """The token is the sender's and does not say what was agreed; `claim` names where.

    `for_now` says that one of two clocks is wrong, perhaps our own: `Receiver.take` makes TryLater
    of it, because a 400 would put the notice aside for good.
    """

    def __init__(self, claim: str, reason: str, *, for_now: bool = False) -> None:
        super().__init__(f"{claim}: {reason}")
        self.claim = claim
        self.for_now = for_now
        self.code = _CODES_OF_CLAIMS.get(claim, INVALID_REQUEST)


class NotOnRecord(NotificationRefused):
    """The message came without a receipt that holds: nothing says that it stands in the log."""

    code = INVALID_REQUEST


class TryLater(ReceiverError):
    """It cannot be judged now. Refusing it would lose a notice, so let it come again (503)."""


class AnsweredOtherwise(ReceiverError):
    """Another answer was given to this notification before; the first one stands."""


class EvidenceRefused(ReceiverError):
    """What should prove something of the access log does not."""


class NoteRefused(EvidenceRefused):
    """A signed note is malformed, or not signed by the key that it must be signed by."""


class InclusionRefused(EvidenceRefused):
    """A proof does not lead from the entry to the root that the log has signed."""


class ReceiptRefused(EvidenceRefused):
    """A receipt does not show that this disclosure to us is in the access log."""


class ReceiptNotOfNow(ReceiptRefused):
    """By this machine's clock the receipt is of another time: one of the two is wrong."""


class ReceiptReused(EvidenceRefused):
    """The receipt came with an earlier disclosure: one entry stands for one disclosure."""


class Malformed(ReceiverError):
    """A text is not in the one form that is accepted (canonical base64url, I-JSON, segments)."""


class StoreError(ReceiverError):
    """The store cannot be opened: the folder, its rights, or a file of another version."""


class UnsafeKey(ReceiverError):
    """A key is private where it must be public, too weak, of another kind, or no key at all."""
