"""`engine _query`: one SELECT for `POST /v1/sql`, in a process of its own that then ends."""

import sys
from pathlib import Path

import msgspec
import rich_click as click

from engine.cli.data import data_option, fresh_catalog
from engine.server.queried import Queried
from engine.store.formats import to_json
from engine.store.query import QueryFailed, ask

__all__ = ["command"]


@click.command(epilog="Examples:\n\n    echo 'SELECT 1' | engine _query > queried")
@data_option
def command(data: Path) -> None:
    """Answer the query on stdin and write what became of it to stdout, for a worker to read."""
    sys.stdout.buffer.write(msgspec.msgpack.encode(_queried(sys.stdin.read(), data)))


def _queried(query: str, data: Path) -> Queried:
    try:
        answer = ask(query, fresh_catalog(data))
    except QueryFailed as exc:
        return Queried(problem=str(exc))
    return Queried(rows=to_json(answer).encode(), truncated=answer.truncated)
