"""Health: whether the process lives, and whether it can release and record anything."""

from fastapi import APIRouter, Request

from app.api.contract import problems
from app.api.models import Health, Ready
from app.api.service import service_of
from app.database import STOPPING
from app.problems import Unavailable

router = APIRouter(prefix="/health", tags=["operation"])


@router.get("/live", summary="The process answers")
async def live() -> Health:
    """Says nothing about the database."""
    return Health(status="ok")


@router.get(
    "/ready", summary="Database, tables, keys, log and policy are usable", responses=problems(503)
)
async def ready(request: Request) -> Ready:
    """Runs a transaction to its commit; where the disk is full it is not ready.

    A log without its quorum of witnesses is published and served: somebody has to look after it.
    """
    service = service_of(request)
    if service.stopping.is_set():
        raise Unavailable(STOPPING)
    missing = await service.readiness.ask()
    if not service.witnesses.named:
        return Ready(status="ok", quorum="none named")
    return Ready(status="ok", quorum="missing" if missing else "signs")
