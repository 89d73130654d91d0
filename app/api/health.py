"""Health: whether the process lives, and whether it can make anything durable."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection

from app.access_log.witnesses import QuorumState, quorum_state
from app.api.contract import problems
from app.api.models import Health, Ready
from app.api.service import service_of
from app.database import touch

router = APIRouter(prefix="/health", tags=["operation"])


@router.get("/live", summary="The process answers")
async def live() -> Health:
    """Says nothing about the database."""
    return Health(status="ok")


@router.get("/ready", summary="The database takes transactions", responses=problems(503))
async def ready(request: Request) -> Ready:
    """Runs a transaction to its commit; where the disk is full it is not ready.

    A log without its quorum of witnesses is published and served: somebody has to look after it.
    """
    service = service_of(request)
    state = await service.database.run(_touched)
    if not service.settings.witnesses:
        return Ready(status="ok", quorum="none named")
    return Ready(status="ok", quorum="missing" if state and state.missing else "signs")


def _touched(connection: Connection) -> QuorumState | None:
    touch(connection)
    return quorum_state(connection)
