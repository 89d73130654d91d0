"""The errors of the receiving program. No message repeats a key, a token or what a notice says."""


class ReceiverError(Exception):
    """Base of everything that the receiving program raises on purpose."""


class ConfigurationError(ReceiverError):
    """The configuration, or a file that it names, cannot be used. The message names it."""


class StoreError(ReceiverError):
    """The store cannot be opened: the folder, its rights, or a file of another version."""


class ServiceError(ReceiverError):
    """The service did not do what it was asked."""


class ServiceUnreachable(ServiceError):
    """No whole answer came in time: trying again later may help."""


class UnexpectedAnswer(ServiceError):
    """The service agreed, but its answer does not have the agreed form."""


class ServiceRefused(ServiceError):
    """The service answered with an error.

    Attributes:
        status: the HTTP status.
        title: of the problem document (RFC 9457), or the error code of the token endpoint.
        detail: of the problem document; empty when there was none.
        findings: of the problem document, each as `pointer: message`.
    """

    def __init__(
        self, status: int, *, title: str, detail: str, findings: tuple[str, ...] = ()
    ) -> None:
        said = [f"{status} {title}", *([detail] if detail else []), "; ".join(findings)]
        super().__init__(": ".join(part for part in said if part))
        self.findings = findings
        self.status = status
        self.title = title
        self.detail = detail


class NotificationRefused(ReceiverError):
    """What came is not a notification for us.

    Attributes:
        code: for the sender, one of the registered error codes of RFC 8935, section 2.4.
        reason: in fixed words.
    """

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(f"{code}: {reason}")
        self.code = code
        self.reason = reason


class UnknownSenderKey(NotificationRefused):
    """It is signed with a key that we do not have: fetching the sender's keys anew may help."""
