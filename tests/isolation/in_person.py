"""An officer who has signed in at the agency's identity provider."""

import json
from dataclasses import dataclass, field
from urllib.parse import urlencode

from app.agencies.oauth import TOKEN_EXCHANGE
from tests.api.exchange import Speaker
from tests.api.identity_provider import IdentityProvider
from tests.api.oauth import asked, members_of, proof

JWT = "urn:ietf:params:oauth:token-type:jwt"


@dataclass
class InPerson(Speaker):
    """A speaker whose officer is proven."""

    provider: IdentityProvider = field(repr=False, kw_only=True)
    granted: str = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.granted = self._granted()

    def credentials(
        self, method: str = "GET", path: str = "/v1/cases", *, token: str = ""
    ) -> dict[str, str]:
        """The headers of one request, with the token of this officer."""
        given = token or self.granted
        return {
            "Authorization": f"DPoP {given}",
            **proof(self, path, method=method, access_token=given),
        }

    def _granted(self) -> str:
        configuration = self.client._tokens._configuration  # noqa: SLF001 - a test looks inside
        now = int(self.world.clock().timestamp())
        issuer = self.provider.of(self.id)
        form = {
            **members_of(self, configuration),
            "grant_type": TOKEN_EXCHANGE,
            "subject_token": self.provider.token(configuration.officer, now, iss=issuer),
            "subject_token_type": JWT,
        }
        answer = asked(self, urlencode(form))
        assert answer.status_code == 200, answer.text
        return str(json.loads(answer.content)["access_token"])
