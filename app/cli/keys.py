"""Commands of the service's own keys: so far those that access tokens are signed with."""

import typer

from app.cli.output import Json, show
from app.crypto.key_ring import KeyRing
from app.settings import Settings

keys = typer.Typer(help="Keys of this service.", no_args_is_help=True)


@keys.command("rotate")
def rotate(*, as_json: Json = False) -> None:
    """Sign access tokens with the next key; it takes effect when the service is started again.

    The key of before is retired: what it signed is good to its end, five minutes at most. Wait
    as long before the next rotation, and as long as others keep the published keys.
    """
    _show(KeyRing.rotate_token_keys(Settings.from_environment().key_directory), as_json=as_json)


@keys.command("status")
def status(*, as_json: Json = False) -> None:
    """The ids of the keys of access tokens: the next, the active and the retired one."""
    _show(KeyRing.load(Settings.from_environment().key_directory), as_json=as_json)


def _show(ring: KeyRing, *, as_json: bool) -> None:
    following, retired = ring.token_signing_next, ring.token_signing_retired
    content = {
        "next": None if following is None else following.kid,
        "active": ring.token_signing.kid,
        "retired": None if retired is None else retired.kid,
    }
    show(content, as_json=as_json)
