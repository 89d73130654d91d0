"""Health: whether the process lives, and whether it can make anything durable."""

from fastapi import APIRouter, Request
from sqlalchemy import Connection

from app.access_log.witnesses import judge_quorum
from app.api.contract import problems
from app.api.models import Health, Ready
from app.api.service import service_of
from app.database import STOPPING, touch
from app.problems import Unavailable

router = APIRouter(prefix="/health", tags=["operation"])

# It asks for no token: whoever does has one share. No client can have this name.
ANYBODY = "whoever asks for health"


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
    if service.stopping.is_set():
        raise Unavailable(STOPPING)

    def look(connection: Connection) -> bool:
        touch(connection)
        # Judged anew: a job that has ended would flag nothing.
        return judge_quorum(connection, service.witnesses, at=service.clock()).missing

    missing = await service.database.run(look, client=ANYBODY)
    if not service.witnesses.named:
        return Ready(status="ok", quorum="none named")
    return Ready(status="ok", quorum="missing" if missing else "signs")
