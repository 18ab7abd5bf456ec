"""A configuration for commands that look at it but do not serve it."""

import rich_click as click

from engine.cli.cache import DiskCache
from engine.config.build import build
from engine.config.bundle import Bundle
from engine.config.diagnostics import render
from engine.errors import Severity
from engine.snapshot import Snapshot, assemble

__all__ = ["snapshot_of"]


def snapshot_of(ctx: click.Context, bundle: Bundle, cache: DiskCache) -> Snapshot:
    """What *bundle* compiles to. Errors are reported as by `engine validate`, and end the command with exit code 2."""
    built = build(bundle, cache)
    errors = [problem for problem in built.problems if problem.severity is Severity.ERROR]
    if errors or built.parts is None:
        click.echo(render(errors, bundle.files, "human", colour=False), nl=False, err=True)
        ctx.exit(2)
    return assemble(built.parts, bundle.git_rev)
