"""Who administers the registry over the interface: the purpose that opens it, and nothing else.

The operator is an agency with a role that no policy knows; it has no other purpose. A client of
any other agency may be registered for this purpose too, to look after that agency's own entries.
"""

from app.agencies.registry import OPERATOR_ROLE, REGISTRY_PURPOSE
from app.agencies.tokens import Caller


def opens_registry(caller: Caller) -> bool:
    """Whether the caller's purpose is the registry; it is then no purpose for anything else."""
    return caller.purpose == REGISTRY_PURPOSE


def is_operator(caller: Caller) -> bool:
    """Whether the caller looks after the registry of everybody."""
    return caller.role == OPERATOR_ROLE
