"""Health: whether the process lives, and whether it can make anything durable."""

from fastapi import APIRouter, Request

from app.api.contract import problems
from app.api.models import Health
from app.api.service import service_of
from app.database import touch

router = APIRouter(prefix="/health", tags=["operation"])

# It asks for no token: whoever does has one share. No client can have this name.
ANYBODY = "whoever asks for health"


@router.get("/live", summary="The process answers")
async def live() -> Health:
    """Says nothing about the database."""
    return Health(status="ok")


@router.get("/ready", summary="The database takes transactions", responses=problems(503))
async def ready(request: Request) -> Health:
    """Runs a transaction to its commit; where the disk is full it is not ready."""
    await service_of(request).database.run(touch, client=ANYBODY)
    return Health(status="ok")
