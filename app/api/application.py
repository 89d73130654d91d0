"""The HTTP application: every router, every error, one contract. It has no service yet."""

from typing import Any

from fastapi import FastAPI

from app.api import (
    access_log,
    answers,
    cases,
    contract,
    deciding_facts,
    escalations,
    facts,
    feeds,
    health,
    identity,
    inbox,
    inmate_files,
    log_exports,
    own_report,
    policy,
    published_log,
    referral_codes,
    registry,
    release_events,
    retention,
    subscriptions,
    take_backs,
)
from app.api.shortcut import Shortcut

DESCRIPTION = """What must be known when somebody leaves prison: by whom, in which form, on which
basis. Every answer is decided field by field and is on record before it leaves."""


class Application(FastAPI):
    """A FastAPI application whose contract also names the bodies that are read strictly."""

    def openapi(self) -> dict[str, Any]:
        """The OpenAPI document."""
        if not self.openapi_schema:
            self.openapi_schema = contract.document(self)
        return self.openapi_schema


def make_application() -> Application:
    """An application with all routes. `main` gives it the service that they open doors of."""
    app = Application(
        title="Throughcare",
        version="1",
        description=DESCRIPTION,
        license_info={"name": "EUPL-1.2", "identifier": "EUPL-1.2"},
        # Callers are agencies under an agreement, none of them inside this service.
        servers=[{"url": "/", "x-internal": False}],
        docs_url=None,
        redoc_url=None,
        # An address with a slash too many is none: no answer repeats it in a Location.
        redirect_slashes=False,
        # The framework's own would tell addresses, which hold references, and words of errors; and
        # let a caller choose what is traced.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    modules = (
        identity,
        inmate_files,
        own_report,
        release_events,
        retention,
        take_backs,
        cases,
        facts,
        deciding_facts,
        referral_codes,
        subscriptions,
        escalations,
        feeds,
        inbox,
        access_log,
        log_exports,
        published_log,
        registry,
        policy,
        health,
    )
    for module in modules:
        app.include_router(module.router)
    app.add_middleware(Shortcut)
    answers.install(app)
    return app
