"""The contract: the OpenAPI document, made from routes, models and the catalogue.

Bodies are read by our own strict reader, which FastAPI cannot see; `accepts` documents
them, and `document` adds their schemas.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from app.problems import ThroughcareError

REFERENCE_TEMPLATE = "#/components/schemas/{model}"
PROBLEM = "application/problem+json"
PROTECTED = ("/v1/", "/log/tile/entries/")

_ACCEPTED: dict[str, type[BaseModel]] = {}


def accepts(model: type[BaseModel] | tuple[type[BaseModel], ...], *types: str) -> dict[str, Any]:
    """The `requestBody` of a route that takes one of these models in these content types."""
    models = model if isinstance(model, tuple) else (model,)
    _ACCEPTED.update({one.__name__: one for one in models})
    schemas = [{"$ref": REFERENCE_TEMPLATE.format(model=one.__name__)} for one in models]
    schema = schemas[0] if len(schemas) == 1 else {"anyOf": schemas}
    return {
        "requestBody": {
            "required": True,
            "content": {media_type: {"schema": schema} for media_type in types},
        }
    }


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of the errors that a route may answer, with their titles.

    Whoever has to say who calls may also be told that the purpose is another one, or to wait,
    or be given up.
    """
    also = (403, 408, 429) if 401 in statuses else ()  # noqa: PLR2004 - RFC 9110
    # Of the errors of one status the widest names it: it comes first in the tree.
    titles = {error.status: error.title for error in reversed(_tree(ThroughcareError))}
    schema = {"$ref": REFERENCE_TEMPLATE.format(model="Problem")}
    return {
        status: {"description": titles[status], "content": {PROBLEM: {"schema": schema}}}
        for status in sorted({*statuses, *also})
    }


def document(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI 3.1 document of an application."""
    from app.api import webhooks  # noqa: PLC0415 - the models use the catalogue, not this
    from app.api.models import Problem  # noqa: PLC0415 - as above

    contract: dict[str, Any] = FastAPI.openapi(app)
    models: list[type[BaseModel]] = [*_ACCEPTED.values(), Problem]
    _, schemas = models_json_schema(
        [(model, "validation") for model in models], ref_template=REFERENCE_TEMPLATE
    )
    components = contract.setdefault("components", {})
    known = components.setdefault("schemas", {})
    for name, schema in [*schemas["$defs"].items(), *webhooks.schemas().items()]:
        known.setdefault(name, schema)
    contract["webhooks"] = webhooks.webhooks()
    components["securitySchemes"] = {
        "client": {
            "type": "http",
            "scheme": "dpop",
            "description": "An access token of POST /oauth2/token (private_key_jwt) and a DPoP"
            " header with a proof of possession (RFC 9449).",
        }
    }
    _secure(contract["paths"])
    _may_fail(contract["paths"])
    return contract


def write(contract: Mapping[str, Any]) -> str:
    """The document as it stands in `openapi/openapi.json`."""
    return json.dumps(contract, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _secure(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Every path of the interface needs a token; identity, health and the log's tree do not."""
    for path, operations in paths.items():
        if path.startswith(PROTECTED):
            for operation in operations.values():
                operation["security"] = [{"client": []}]


def _may_fail(paths: Mapping[str, Mapping[str, dict[str, Any]]]) -> None:
    """Any operation may meet what nobody expected; it then tells nothing."""
    for operations in paths.values():
        for operation in operations.values():
            operation["responses"] |= {str(n): one for n, one in problems(500).items()}


def _tree(error: type[ThroughcareError]) -> list[type[ThroughcareError]]:
    found = [error]
    for child in error.__subclasses__():
        if child.__module__ == error.__module__:
            found += _tree(child)
    return found


if __name__ == "__main__":
    from app.api.application import make_application

    Path(sys.argv[1]).write_text(write(make_application().openapi()), encoding="utf-8")
