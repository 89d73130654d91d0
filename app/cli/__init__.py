"""The `throughcare` command."""

import sys
from collections.abc import Mapping
from importlib import import_module
from itertools import chain

import typer
from typer.models import CommandInfo, TyperInfo

from app.cli.output import errors
from app.crypto.backend import assert_backend
from app.crypto.errors import CryptoError
from app.problems import ThroughcareError
from throughcare_receiver.errors import ReceiverError

# What each module of this package adds. A command loads the module that it stands in and no
# other: all of them together take a second, and a program that asks often asks one thing.
PARTS: Mapping[str, tuple[str, ...]] = {
    "demonstrate": ("demo",),
    "installation": ("init", "serve", "dispatch", "sequence"),
    "backup": ("backup-key", "backup"),
    "restore": ("restore",),
    "keys": ("keys",),
    "policy": ("policy",),
    "retention": ("retention",),
    "registry_entries": ("agency", "client", "officer"),
    "coverage": ("coverage",),
    "subscription": ("subscription",),
    "feed": ("feed",),
    "pack": ("pack",),
    "exchange": ("import", "call", "receive"),
    "inbox": ("inbox",),
    "report": ("report",),
    "access_log": ("access-log",),
    "alerts": ("alerts",),
}
# Under what `throughcare --help` lists the commands of each of these parts.
HEADINGS: Mapping[str, tuple[str, ...]] = {
    "To see what it does": ("demonstrate",),
    "The installation": ("installation", "backup", "restore", "keys", "policy", "retention"),
    "Agencies, and what they are told": (
        "registry_entries",
        "coverage",
        "subscription",
        "feed",
        "pack",
    ),
    "As an agency, or an auditor": ("exchange", "inbox", "report", "access_log", "alerts"),
}


def commands(asked: str | None = None) -> typer.Typer:
    """The command with the part that `asked` stands in; with all of them where it is in none."""
    cli = typer.Typer(
        name="throughcare",
        help="What must be known when somebody leaves prison: by whom, in which form, on which "
        "basis.",
        no_args_is_help=True,
        add_completion=False,
        # A traceback could show what was in a variable.
        pretty_exceptions_enable=False,
    )
    # Else a command that is alone would take the place of the whole.
    cli.callback()(lambda: None)
    for name in [name for name, words in PARTS.items() if asked in words] or PARTS:
        import_module(f"app.cli.{name}").add_to(cli)
        heading = next(heading for heading, parts in HEADINGS.items() if name in parts)
        for added in chain[CommandInfo | TyperInfo](cli.registered_commands, cli.registered_groups):
            if not isinstance(added.rich_help_panel, str):
                added.rich_help_panel = heading
    return cli


def main() -> None:
    """Run the command; an error that we know is one sentence and exit status 1."""
    try:
        # A process that would compute signatures in pure Python must not come up at all.
        assert_backend()
        commands(next(iter(sys.argv[1:]), None))()
    except (ThroughcareError, CryptoError, ReceiverError) as error:
        findings = [f"{one.pointer}: {one.message}" for one in getattr(error, "errors", ())]
        # Some tell their findings in the sentence itself: once is enough.
        _say(str(error), *(finding for finding in findings if finding not in str(error)))
        sys.exit(getattr(error, "ends_with", 1))
    except OSError as error:
        _say(f"{error.filename}: {error.strerror}" if error.filename else str(error))
    except UnicodeDecodeError:
        _say("a file is not UTF-8 text")
    except UnicodeEncodeError:
        _say("an argument is not UTF-8 text")
    else:
        return
    sys.exit(1)


def _say(problem: str, *findings: str) -> None:
    errors.print(
        f"throughcare: {problem}", style="red", markup=False, highlight=False, soft_wrap=True
    )
    for finding in findings:
        errors.print(f"  {finding}", markup=False, highlight=False, soft_wrap=True)
