"""The `throughcare` command."""

import sys

import typer

from app.cli import access_log, demonstrate, exchange, installation, policy, registry
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
cli.add_typer(policy.policy, name="policy")
cli.add_typer(access_log.access_log, name="access-log")


def main() -> None:
    """Run the command; an error that we know is one sentence and exit status 1."""
    try:
        cli()
    except (ThroughcareError, CryptoError, ReceiverError, FileNotFoundError) as error:
        errors.print(f"throughcare: {error}", style="red", markup=False, highlight=False)
        for finding in getattr(error, "errors", ()):
            errors.print(f"  {finding.pointer}: {finding.message}", markup=False, highlight=False)
        sys.exit(1)
