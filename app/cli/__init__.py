"""The `throughcare` command."""

import sys
from collections.abc import Mapping
from importlib import import_module

import typer

from app.cli.output import errors
from app.crypto.backend import assert_backend
from app.crypto.errors import CryptoError
from app.problems import ThroughcareError
from throughcare_receiver.errors import ReceiverError

# What each module of this package adds. A command loads the module that it stands in and no
# other: all of them together take a second, and a program that asks often asks one thing.
PARTS: Mapping[str, tuple[str, ...]] = {
    "installation": ("init", "serve", "dispatch", "sequence"),
    "exchange": ("import", "call", "receive"),
    "inbox": ("inbox",),
    "demonstrate": ("demo",),
    "coverage": ("coverage",),
    "registry_entries": ("agency", "client", "officer"),
    "subscription": ("subscription",),
    "pack": ("pack",),
    "keys": ("keys",),
    "backup": ("backup", "backup-key"),
    "restore": ("restore",),
    "policy": ("policy",),
    "retention": ("retention",),
    "feed": ("feed",),
    "report": ("report",),
    "access_log": ("access-log",),
    "alerts": ("alerts",),
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
    return cli


def main() -> None:
    """Run the command; an error that we know is one sentence and exit status 1."""
    try:
        # A process that would compute signatures in pure Python must not come up at all.
        assert_backend()
        commands(next(iter(sys.argv[1:]), None))()
    except (ThroughcareError, CryptoError, ReceiverError) as error:
        _say(str(error), *(f"{one.pointer}: {one.message}" for one in getattr(error, "errors", ())))
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
