"""`engine project`: the projector, alone or as a process of `engine serve`."""

import os
import signal
import socket
from pathlib import Path

import rich_click as click

from engine.cli.data import Lines, data_option
from engine.errors import EngineError
from engine.store.layout import Layout
from engine.store.projection import Stop, bring_up_to_date, run

__all__ = ["command"]

NICENESS = 5
"""Requests come first where the processors are shared."""


@click.command(epilog="Examples:\n\n    engine project --data /var/lib/engine\n\n    engine project --once")
@data_option
@click.option("--once", is_flag=True, help="Load and publish what is there, then end.")
@click.option("--child", is_flag=True, help="End when the process that started this one ends.")
def command(data: Path, once: bool, child: bool) -> None:
    """Load journals into the usage database and publish the catalog, until interrupted.

    `engine serve` runs this by itself. One process projects a data directory; a second one stands by for it.
    """
    layout = Layout(data)
    if once:
        _once(layout)
        return
    if child:
        os.nice(NICENESS)
    parent = os.getppid()
    run(layout, Stop(_stop_signals(), lambda: child and os.getppid() != parent), log=Lines())


def _once(layout: Layout) -> None:
    as_of = bring_up_to_date(layout, log=Lines())
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
