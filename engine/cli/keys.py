"""`engine keys`: keys for callers. The key is printed once; the configuration holds its digest."""

import hashlib
import re
import secrets
from datetime import UTC, datetime

import rich_click as click

__all__ = ["command", "new_key"]

RANDOM_BYTES = 32
"""256 bits: 43 characters of URL-safe base64."""
ENVIRONMENTS = ("live", "test", "staging", "dev")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""As `schemas/scalars.json` has it for consumers."""


def new_key(environment: str) -> tuple[str, str]:
    """A fresh key `eng_<environment>_<43 characters>`, and the SHA-256 (hex) of the whole of it."""
    key = f"eng_{environment}_{secrets.token_urlsafe(RANDOM_BYTES)}"
    return key, hashlib.sha256(key.encode()).hexdigest()


@click.group(epilog="Examples:\n\nengine keys new --consumer support-bot")
def command() -> None:
    """Make keys for callers."""


def _consumer(_ctx: click.Context, _param: click.Parameter, value: str) -> str:
    if not NAME.fullmatch(value):
        raise click.BadParameter(f"expected a name such as 'support-bot', found '{value}'")
    return value


@command.command(
    epilog="Examples:\n\nengine keys new --consumer support-bot\n\n"
    "engine keys new --consumer nightly-eval --env staging --expires 2027-05-01"
)
@click.option("--consumer", required=True, callback=_consumer, help="The application that will use it.")
@click.option(
    "--env", type=click.Choice(ENVIRONMENTS), default="live", show_default=True, help="Part of the key, for scanners."
)
@click.option("--expires", type=click.DateTime(["%Y-%m-%d"]), help="First day (UTC) on which it no longer works.")
def new(consumer: str, env: str, expires: datetime | None) -> None:
    """Make a key and print it, once, with the YAML to paste into `policies/`.

    The key is the first line of standard output; nothing else ever holds it.
    """
    key, digest = new_key(env)
    label = f"{env}-{datetime.now(UTC):%Y-%m-%d}"
    until = f", expires: {expires:%Y-%m-%d}" if expires else ""
    click.echo(key)
    click.echo("\n# Give the key to its user now: it cannot be shown again. Into policies/*.yaml goes:", err=True)
    click.echo(f'consumers:\n  {consumer}:\n    keys:\n      {label}: {{sha256: "{digest}"{until}}}')
