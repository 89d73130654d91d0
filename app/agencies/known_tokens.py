"""Access tokens whose signature was checked before: docs/adr/0036.

What is remembered is what the signed bytes say, and nothing about the present: whether the client,
its officer, its purpose and this very token still count is asked of the registry at every call
(`tokens.identify`), and a proof of possession is read at every call.
"""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime

from app.agencies import tokens
from app.agencies.tokens import Grant
from app.crypto.signing_keys import KeySet

# About half a kilobyte each. A token is good for minutes, so more callers than this at once are
# only slower.
REMEMBERED = 4_096


@dataclass(frozen=True, slots=True)
class _Known:
    """A grant, and from which moment on its token is known to be good."""

    grant: Grant
    since: datetime


@dataclass(slots=True)
class KnownTokens:
    """Reads access tokens, each signature once. For the event loop's thread alone.

    Attributes:
        keys: the only ones that sign them; they do not change while this lives.
        issuer: the only one that is accepted.
    """

    keys: KeySet
    issuer: str
    # By the SHA-256 of the exact token: memory need not hold what opens a file.
    _known: OrderedDict[bytes, _Known] = field(default_factory=OrderedDict, repr=False)

    def read(self, token: str, *, at: datetime) -> Grant:
        """What an access token grants, as `tokens.read` has it. Unauthenticated."""
        name = hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
        known = self._known.get(name)
        # A token that was good stays so until its end; before that moment nothing is known of it.
        if known is not None and known.since <= at < known.grant.expires_at:
            return known.grant
        grant = tokens.read(token, keys=self.keys, issuer=self.issuer, at=at)
        self._known[name] = _Known(grant, at)
        if len(self._known) > REMEMBERED:
            self._known.popitem(last=False)
        return grant
