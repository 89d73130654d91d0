"""The `throughcare` command."""

import sys

import typer

from app.cli import (
    access_log,
    activation,
    demonstrate,
    exchange,
    installation,
    keys,
    policy,
    registry,
    retention,
    subscription,
)
from app.cli.output import errors
from app.crypto.errors import CryptoError
from app.problems import ThroughcareError
from app.receiver.errors import ReceiverError

cli = typer.Typer(
    name="throughcare",
    help="What must be known when somebody leaves prison: by whom, in which form, on which basis.",
    no_args_is_help=True,
    add_completion=False,
    # A traceback could show what was in a variable.
    pretty_exceptions_enable=False,
)
installation.add_to(cli)
exchange.add_to(cli)
demonstrate.add_to(cli)
cli.add_typer(registry.agency, name="agency")
cli.add_typer(registry.client, name="client")
cli.add_typer(registry.officer, name="officer")
cli.add_typer(subscription.subscription, name="subscription")
cli.add_typer(keys.keys, name="keys")
activation.add_to(policy.policy)
cli.add_typer(policy.policy, name="policy")
cli.add_typer(retention.retention, name="retention")
cli.add_typer(access_log.access_log, name="access-log")


def main() -> None:
    """Run the command; an error that we know is one sentence and exit status 1."""
    try:
        cli()
    except (ThroughcareError, CryptoError, ReceiverError) as error:
        _say(str(error), *(f"{one.pointer}: {one.message}" for one in getattr(error, "errors", ())))
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except UnicodeDecodeError:
        _say("a file is not UTF-8 text")
    else:
        return
    sys.exit(1)


def _say(problem: str, *findings: str) -> None:
    errors.print(
        f"throughcare: {problem}", style="red", markup=False, highlight=False, soft_wrap=True
    )
    for finding in findings:
        errors.print(f"  {finding}", markup=False, highlight=False, soft_wrap=True)
