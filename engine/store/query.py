"""Runs a query that somebody wrote against the catalog: in a process of its own, bounded, and killed if it overruns."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import msgspec

from engine.errors import Bug, EngineError
from engine.store.reader import Task

__all__ = ["Answer", "Column", "QueryFailed", "ask"]

ROWS = 1000
TIMEOUT_S = 30.0
MEMORY_BYTES = 2 << 30
ADVICE = "\n\nPossible solutions:"
"""What follows this in DuckDB's messages is advice on settings that the asker cannot change."""

_decode = msgspec.json.Decoder(float_hook=Decimal).decode


class QueryFailed(EngineError):
    """The query is wrong, not allowed, or beyond its bounds: one line, with the place in the query where known."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of an answer."""

    name: str
    """Of no other column of the answer, whatever their case."""
    type: str
    """DuckDB's name for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a query found. Values are those of JSON; numbers with decimals are exact."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]
    truncated: bool
    """There were more rows than asked for."""


def ask(
    query: str,
    catalog: Path,
    *,
    parameters: Mapping[str, object] | None = None,
    rows: int = ROWS,
    timeout_s: float = TIMEOUT_S,
    memory_bytes: int = MEMORY_BYTES,
) -> Answer:
    """The answer of the catalog to one SELECT, at most *rows* rows of it.

    Raises:
        QueryFailed: see there.
        Bug: the process failed for another reason.
    """
    task = Task(
        query=query,
        parameters=dict(parameters or {}),
        catalog=str(catalog),
        rows=rows,
        timeout_s=timeout_s,
        memory_bytes=memory_bytes,
    )
    output = _run(task)
    return _answer(output.splitlines(), query)


def _code() -> Iterator[str]:
    """Where modules are found: our own, and not those of the directory that somebody happens to ask from."""
    yield str(Path(__file__).parents[2])
    here = {"", str(Path.cwd())}
    yield from (path for path in sys.path if path not in here)


def _run(task: Task) -> bytes:
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "engine.store.reader"],
            input=msgspec.json.encode(task),
            capture_output=True,
            timeout=task.timeout_s,
            # None of our environment, which may hold secrets, except the path to our own code.
            env={"PYTHONPATH": os.pathsep.join(_code())},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise QueryFailed(f"the query ran longer than {task.timeout_s:g} s and was stopped") from None
    if done.returncode < 0:
        raise QueryFailed(f"the query was stopped by {signal.Signals(-done.returncode).name}: it needs too much")
    if done.returncode:
        raise Bug(f"the query's process failed: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def _answer(lines: Iterable[bytes], query: str) -> Answer:
    columns: tuple[Column, ...] = ()
    rows: list[tuple[object, ...]] = []
    truncated = False
    for line in lines:
        match _decode(line):
            case {"error": error}:
                raise QueryFailed(_sentence(error, query))
            case {"columns": described}:
                names = _distinct([name for name, _ in described])
                columns = tuple(Column(name, kind) for name, (_, kind) in zip(names, described, strict=True))
            case {"truncated": bool(more)}:
                truncated = more
            case row:
                rows.append(tuple(row))
    return Answer(columns=columns, rows=tuple(rows), truncated=truncated)


def _distinct(names: Iterable[str]) -> list[str]:
    """The names, told apart as DuckDB does it where it makes a table of a query: `ts, ts` becomes `ts, ts_1`."""
    taken: dict[str, int] = {}
    distinct = []
    for name in names:
        found = name
        while (key := found.lower()) in taken:
            found = f"{name}_{taken[name.lower()]}"
            taken[name.lower()] += 1
        taken[key] = 1
        distinct.append(found)
    return distinct


def _sentence(error: Mapping[str, str], query: str) -> str:
    """`line:column: what is wrong`, in one line."""
    message = " ".join(error["exception_message"].partition(ADVICE)[0].split())
    position = error.get("position")
    return message if position is None else f"{_place(query, int(position))}: {message}"


def _place(query: str, position: int) -> str:
    """`line:column`, both from 1, of a byte of the query."""
    before = query.encode()[:position].decode(errors="replace")
    return f"{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}"
