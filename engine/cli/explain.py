"""`engine explain`: how a request would be routed and why, or what a kind of problem means."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import rich_click as click

from engine.cli.cache import DiskCache, cache_file
from engine.cli.compiled import snapshot_of
from engine.cli.scenarios import request_body
from engine.config import bundle as bundles
from engine.config.slugs import SLUGS, Slug
from engine.config.suggest import did_you_mean
from engine.errors import BadRequest, ConfigUnreadable, Place
from engine.planning.run import Result, run
from engine.planning.scenario import Expected, Scenario
from engine.wire.body import read_fields

__all__ = ["command"]


@click.command(
    epilog="Examples:\n\nengine explain request.json\n\n"
    "engine explain request.json --consumer support-bot --draw 0.97\n\n"
    """echo '{"model": "support"}' | engine explain -\n\nengine explain unknown-provider""",
)
@click.argument("subject", metavar="REQUEST.json|SLUG")
@click.option(
    "--config",
    "root",
    envvar="ENGINE_CONFIG",
    default=".",
    show_default=True,
    type=click.Path(path_type=Path),
    help="The configuration root.",
)
@click.option("--overlay", help="Explain under this overlay.")
@click.option("--consumer", help="Who asks; without one, a caller who may use every name.")
@click.option("--draw", type=click.FloatRange(0, 1, max_open=True), help="Replaces every draw, hashed ones too.")
@click.pass_context
def command(
    ctx: click.Context, subject: str, root: Path, *, overlay: str | None, consumer: str | None, draw: float | None
) -> None:
    """Say how a request would be routed, step by step with file and line; or what a problem's slug means.

    REQUEST.json is a file with a request's body, `-` is standard input. Nothing is sent anywhere: every provider
    counts as configured and answers. Exit code 0 means that the request would be served, 1 that it would be refused,
    2 that nothing could be explained.
    """
    if subject in SLUGS:
        for line in _documented(subject, SLUGS[subject]):
            click.echo(line)
        return
    body = _body(subject)
    bundle, cache = bundles.read(root), DiskCache(cache_file(root, "files"))
    snapshot = snapshot_of(ctx, bundles.with_overlay(bundle, overlay) if overlay else bundle, cache)
    cache.save()
    scenario = Scenario(
        name=subject,
        place=Place(subject, 1),
        body=body,
        consumer=consumer,
        at=datetime.now(UTC),
        draw=draw,
        expected=Expected(status=200),
    )
    result = run(snapshot, scenario)
    if result.record is None:
        raise ConfigUnreadable(result.differences[0])
    for line in _explained(result):
        click.echo(line)
    ctx.exit(1 if result.differences else 0)


def _body(subject: str) -> bytes:
    """The body in a file, or on standard input, with a conversation where it has none of its own.

    What cannot be read stays as it is: the gateway says what is wrong with it.

    Raises:
        ConfigUnreadable: there is none.
    """
    path = Path(subject)
    if subject != "-" and not path.is_file():
        near = did_you_mean(subject, SLUGS)
        raise ConfigUnreadable(f"'{subject}' is neither a file nor the slug of a problem{'; ' if near else ''}{near}")
    try:
        body = sys.stdin.buffer.read() if subject == "-" else path.read_bytes()
    except OSError as exc:
        raise ConfigUnreadable(f"{subject}: {exc.strerror}") from exc
    try:
        return request_body(read_fields(body))
    except (BadRequest, RecursionError):
        return body


def _explained(result: Result) -> Iterator[str]:
    yield from result.decision
    if result.differences:
        yield f"  answered: {result.answer.decode(errors='replace')}"
        return
    sent = {key: value for key, value in result.sent.items() if key != "messages"}
    yield f"  sent, beside the messages: {json.dumps(sent)}"


def _documented(name: str, slug: Slug) -> Iterator[str]:
    yield f"{name}: {slug.meaning}"
    yield ""
    yield from (f"    {line}" for line in slug.example.splitlines())
    yield ""
    yield f"To mend it: {slug.mend}"
