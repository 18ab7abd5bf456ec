"""`engine project`: the projector, alone or as a process of `engine serve`."""

import os
import signal
import socket
from pathlib import Path

import rich_click as click

from engine.errors import EngineError
from engine.store.layout import Layout
from engine.store.projection import bring_up_to_date, run

__all__ = ["command"]

NICENESS = 5
"""Requests come first where the processors are shared."""


class Lines:
    """A log of one line an event, on stderr."""

    def info(self, event: str, /, **fields: object) -> None:
        """Write the line."""
        click.echo(" ".join([event, *(f"{name}={value}" for name, value in fields.items())]), err=True)

    error = info


@click.command(
    epilog="Examples:\n\n    engine project --data /var/lib/engine\n\n    engine project --once && engine usage --since 30d"
)
@click.option(
    "--data",
    envvar="ENGINE_DATA",
    default="data",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The gateway's data directory.",
)
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
    run(layout, _stop_signals(), log=Lines(), orphaned=lambda: child and os.getppid() != parent)


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
