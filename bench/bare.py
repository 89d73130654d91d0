"""The peer of the recorded read: a route that returns the same content, and does nothing else.

    python -m bench.bare PORT CONTENT

One process with uvicorn, uvloop and httptools, the answer made of a `response_model`.
"""

import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from app.api.models import InmateFileView


def make_app(content: Path) -> FastAPI:
    """The application; its answer is what the file holds, built once as a model."""
    view = InmateFileView.model_validate_json(content.read_bytes())
    app = FastAPI()

    # The type that is returned is the route's `response_model`.
    @app.get("/v1/inmate-files/{reference}")
    async def read(reference: str) -> InmateFileView:  # noqa: ARG001 - everybody has the same answer
        return view

    return app


if __name__ == "__main__":
    uvicorn.run(
        make_app(Path(sys.argv[2])),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        access_log=False,
        log_level="warning",
    )
