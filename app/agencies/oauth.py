"""What the endpoints of OAuth have in common: the words of their requests and of their errors."""

from typing import ClassVar, Final

from app.problems import ThroughcareError

CLIENT_CREDENTIALS: Final = "client_credentials"
TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - a name
ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

INVALID_REQUEST: Final = "invalid_request"
INVALID_CLIENT: Final = "invalid_client"
UNAUTHORIZED_CLIENT: Final = "unauthorized_client"
INVALID_DETAILS: Final = "invalid_authorization_details"
INVALID_PROOF: Final = "invalid_dpop_proof"

# A citation of a law fits; a token with four of them stays far below the longest one accepted.
MAX_TEXT: Final = 200


class OAuthError(ThroughcareError):
    """An error of the token endpoint, in the form of RFC 6749, section 5.2."""

    status: ClassVar[int] = 400
    title: ClassVar[str] = "The token request was refused"
    slug: ClassVar[str] = "token-request"

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code


def is_text(value: object) -> bool:
    """Whether a value can be stored, looked for and logged as it is on both databases."""
    return isinstance(value, str) and 0 < len(value) <= MAX_TEXT and value.isprintable()
