"""The log as it is published (C2SP tlog-tiles and tlog-proof): hashes for all, leaves for auditors.

A tile of hashes is the same for ever and may be kept by any cache.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response
from sqlalchemy import Connection

from app.access_log import checkpoints, published, tile_paths
from app.access_log.checkpoints import SignedCheckpoint
from app.agencies.tokens import Caller
from app.api.answers import json_answer
from app.api.contract import problems
from app.api.models import DisclosureOpenings
from app.api.service import perform, service_of
from app.audit.read_log import permit_and_record
from app.disclosure.openings import openings
from app.house import House, Refusal
from app.problems import NotFound

router = APIRouter(tags=["published log"])

BYTES = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"
FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}
NO_SUCH_TILE = "the log has no such tile yet, or the address is no tile's"

TilePath = Annotated[
    str,
    Path(
        pattern=r"^(x[0-9]{3}/)*[0-9]{3}(\.p/[1-9][0-9]{0,2})?$",
        max_length=32,
        description="Index in groups of three digits, all but the last with an x; `.p/` and the "
        "width for a part of a tile.",
    ),
]
EntryId = Annotated[
    str, Path(pattern=r"^[0-9a-f]{32}$", description="As `Disclosure-Entry` and receipts name it.")
]


@router.get(
    "/log/checkpoint",
    summary="The newest signed checkpoint (C2SP tlog-checkpoint)",
    responses={200: {"content": {"text/plain": {}}}, **problems(404, 503)},
    response_class=Response,
)
async def get_checkpoint(request: Request) -> Response:
    """Origin, size and root of the log, signed. It tells nothing about anybody."""
    return Response((await _signed(request)).note, media_type=TEXT)


@router.get(
    "/log/tile/entries/{place:path}",
    summary="A bundle of leaves (C2SP tlog-tiles), for auditors",
    responses={200: {"content": {BYTES: {}}}, **problems(400, 401, 403, 404, 422, 503)},
    response_class=Response,
)
async def get_entry_bundle(request: Request, place: TilePath) -> Response:
    """Leaves hold commitments alone; still, they are the auditors'. The read is an entry itself."""
    found = tile_paths.parse(place)
    if found is None:
        raise NotFound(NO_SUCH_TILE)

    def door(connection: Connection, house: House, caller: Caller, at: datetime) -> bytes | Refusal:
        signed = checkpoints.latest(connection)
        size = 0 if signed is None else signed.checkpoint.size
        bundle = published.entry_bundle(connection, found, size)
        refusal = permit_and_record(
            connection,
            house,
            caller,
            asked={"tile": place},
            answered={"length": len(bundle or b"")},
            at=at,
        )
        return refusal or (Refusal(NotFound(NO_SUCH_TILE)) if bundle is None else bundle)

    return Response(await perform(request, door), media_type=BYTES)


@router.get(
    "/log/tile/{level}/{place:path}",
    summary="A tile of hashes (C2SP tlog-tiles)",
    responses={200: {"content": {BYTES: {}}}, **problems(404, 422, 503)},
    response_class=Response,
)
async def get_hash_tile(
    request: Request,
    level: Annotated[int, Path(ge=0, le=63, description="0: hashes of leaves.")],
    place: TilePath,
) -> Response:
    """Up to 256 hashes of 32 bytes. With them any proof can be computed."""
    found = tile_paths.parse(place)
    size = (await _signed(request)).checkpoint.size
    if found is None:
        raise NotFound(NO_SUCH_TILE)
    tile = await service_of(request).database.read(
        lambda c: published.hash_tile(c, level, found, size)
    )
    if tile is None:
        raise NotFound(NO_SUCH_TILE)
    return Response(tile, media_type=BYTES, headers=FOR_EVER)


@router.get(
    "/log/proof/{entry_id}",
    summary="The proof that an entry stands in the log (C2SP tlog-proof)",
    responses={200: {"content": {"text/plain": {}}}, **problems(404, 422, 503)},
    response_class=Response,
)
async def get_proof(request: Request, entry_id: EntryId) -> Response:
    """Its place, the path to the root, and the newest checkpoint. It tells nothing of anybody."""
    signed = await _signed(request)
    proof = await service_of(request).database.read(
        lambda c: published.proof_of(c, entry_id, signed)
    )
    if proof is None:
        raise NotFound("no checkpoint covers an entry of this id yet")
    return Response(proof.to_text(), media_type=TEXT)


@router.get(
    "/v1/disclosures/{entry_id}",
    summary="What the log says of a disclosure to the caller",
    responses=problems(400, 401, 404, 422, 503),
    response_model=DisclosureOpenings,
)
async def get_disclosure(request: Request, entry_id: EntryId) -> Response:
    """The leaf that the receipt promised, and the sections that open it to its recipient."""

    def door(
        connection: Connection, house: House, caller: Caller, at: datetime
    ) -> dict[str, object] | Refusal:
        return openings(connection, house, caller, entry_id, at=at)

    return json_answer(await perform(request, door))


async def _signed(request: Request) -> SignedCheckpoint:
    signed = await service_of(request).database.read(checkpoints.latest)
    if signed is None:
        raise NotFound("the log has no signed checkpoint yet")
    return signed
