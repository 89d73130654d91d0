"""The errors of the receiving program. No message repeats a key, a token or what a notice says."""

from throughcare_receiver.errors import ReceiverError


class ConfigurationError(ReceiverError):
    """The configuration, or a file that it names, cannot be used. The message names it."""


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
