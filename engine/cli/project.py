"""`engine project`: the projector, alone or as a process of `engine serve`."""

import os
import signal
import socket
import sys
from pathlib import Path

import rich_click as click

from engine.cli.data import data_option
from engine.cli.logs import FORMATS, Format, Logger, logger
from engine.errors import EngineError
from engine.store.layout import Layout
from engine.store.projection import Stop, bring_up_to_date, run

__all__ = ["command"]

NICENESS = 10
"""Requests come first where the processors are shared."""


@click.command(epilog="Examples:\n\n    engine project --data /var/lib/engine\n\n    engine project --once")
@data_option
@click.option("--once", is_flag=True, help="Load and publish what is there, then end.")
@click.option("--child", is_flag=True, help="End when the process that started this one ends.")
@click.option(
    "--log-format",
    envvar="ENGINE_LOG_FORMAT",
    show_envvar=True,
    default=lambda: "console" if sys.stderr.isatty() else "json",
    show_default="console on a terminal, else json",
    type=click.Choice(FORMATS),
    help="How log lines are written.",
)
def command(*, data: Path, once: bool, child: bool, log_format: Format) -> None:
    """Load journals into the usage database and publish the catalog, until interrupted.

    `engine serve` runs this by itself. One process projects a data directory; a second one stands by for it.
    """
    layout, log = Layout(data), logger(log_format)
    if once:
        _once(layout, log)
        return
    if child:
        os.nice(NICENESS)
    parent = os.getppid()
    run(layout, Stop(_stop_signals(), lambda: child and os.getppid() != parent), log=log)


def _once(layout: Layout, log: Logger) -> None:
    as_of = bring_up_to_date(layout, log=log)
    if as_of is None:
        raise EngineError(f"another process projects {layout.data}; it publishes every minute and for `engine sql`")
    click.echo(f"{layout.catalog} is complete up to {as_of.isoformat(timespec='seconds')}")


def _stop_signals() -> socket.socket:
    """A socket that can be read once a signal asks this process to end."""
    readable, writable = socket.socketpair()

    def ask(_number: int, _frame: object) -> None:
        writable.send(b"x")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, ask)
    return readable
