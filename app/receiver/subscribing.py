"""The one subscription of a store: made once, kept to, changed where its endpoint or key changes.

Numbers are those of one subscription. Notices of a second one in the same store would come twice,
and pass for late.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from app.receiver.client import AgencyClient, Subscription
from app.receiver.errors import ConfigurationError, ServiceRefused
from throughcare_receiver.sqlite_store import KnownSubscription, SqliteStore

LOGGER: Final = logging.getLogger("throughcare.receiver")

INBOX: Final = "inbox"
"""What stands for the endpoint of a subscription that is polled, in the store."""

ENDED: Final = "ended"
_NOT_FOUND, _CONFLICT, _DOES_NOT_FIT = 404, 409, 422


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a subscription is to be: its key, and its endpoint; None polls whatever there is."""

    address: str | None
    encryption_jwk: Mapping[str, str]

    @property
    def kid(self) -> str:
        """Names the key."""
        return self.encryption_jwk["kid"]


def keep_subscription(store: SqliteStore, client: AgencyClient, wanted: Wanted) -> Subscription:
    """The subscription of a store as the service has it now; the first time it is asked for one.

    Raises:
        ConfigurationError: the store's has ended or is another client's, or the service will not
            have this endpoint or key. The message says what to do.
        ServiceError: the service cannot be asked.
    """
    remembered = store.subscriptions()
    known = _known(remembered, wanted)
    try:
        if known is None:
            subscription = client.subscribe(wanted.address, wanted.encryption_jwk)
        else:
            _warn_of_others(remembered, known)
            subscription = _kept(client, known, wanted)
    except ServiceRefused as refusal:
        raise _explained(refusal, known, wanted) or refusal from None
    if subscription.status == ENDED:
        raise _over(subscription.subscription_id)
    store.remember_subscription(
        subscription.subscription_id,
        endpoint=wanted.address or (INBOX if known is None else known.endpoint),
        encryption_kid=wanted.kid,
    )
    return subscription


def _known(found: Sequence[KnownSubscription], wanted: Wanted) -> KnownSubscription | None:
    """The store's own; of several, which older programs made, the one that fits, or the newest."""
    exact = (wanted.address or INBOX, wanted.kid)
    fitting = [one for one in found if (one.endpoint, one.encryption_kid) == exact]
    return (fitting or found or (None,))[-1]


def _kept(client: AgencyClient, known: KnownSubscription, wanted: Wanted) -> Subscription:
    changes: dict[str, Any] = {}
    if wanted.address not in (None, known.endpoint):
        changes["endpoint"] = wanted.address
    if wanted.kid != known.encryption_kid:
        changes["encryption_jwk"] = dict(wanted.encryption_jwk)
    if not changes:
        return client.subscription(known.subscription_id)
    LOGGER.info("subscription %s: %s changes", known.subscription_id, " and ".join(changes))
    return client.change_subscription(known.subscription_id, changes)


def _warn_of_others(found: Sequence[KnownSubscription], known: KnownSubscription) -> None:
    others = [one for one in found if one.subscription_id != known.subscription_id]
    for other in others:
        LOGGER.warning(
            "the store knows another subscription, whose notices come as well: end it "
            "(throughcare call DELETE /v1/subscriptions/%s)",
            other.subscription_id,
        )


def _explained(
    refusal: ServiceRefused, known: KnownSubscription | None, wanted: Wanted
) -> ConfigurationError | None:
    """What will be refused again and again, with the way out of it; None for what may pass."""
    if known is not None and refusal.status in (_NOT_FOUND, _CONFLICT):
        return _over(known.subscription_id)
    if refusal.status != _DOES_NOT_FIT:
        return None
    if wanted.address is None:
        return ConfigurationError(f"the service refused the subscription: {refusal}")
    return ConfigurationError(
        f"the service refused the endpoint {wanted.address}: {refusal}. Write the address at "
        "which the service reaches this receiver into the configuration: "
        'endpoint = "https://agency.example/notifications"'
    )


def _over(subscription_id: str) -> ConfigurationError:
    return ConfigurationError(
        f"subscription {subscription_id} of this store has ended, or is another client's. "
        "Numbers are those of one subscription, so another one needs an empty store: move its "
        "folder away, or name another in the configuration (store)"
    )
