"""The process in which one query that somebody wrote is locked up: `python -m engine.store.reader`.

It reads a `Task` as JSON from stdin and answers on stdout in lines of JSON: `{"columns": [[name, type], …]}`, then
one array per row, then `{"truncated": …}`; or `{"error": …}` at any point. The bounds come in layers. The kernel's:
address space, no writing to files, processor time. DuckDB's: the catalog read-only, no way to any file but the parts
it lists, no extension, no secret, no temporary file, a locked configuration. The statement's: exactly one SELECT. The
parent kills what runs too long.
"""

import math
import os
import resource
import sys
from collections.abc import Mapping
from types import MappingProxyType

import duckdb
import msgspec

from engine.store.text import quoted

__all__ = ["Task", "main"]

SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "python_enable_replacements": "false",
        "max_temp_directory_size": "0GB",
    }
)
"""The recipe on which `tests/engine/store/test_reader.py` tries its attacks."""
BATCH_ROWS = 1000
MOST_BYTES = 64 << 20
"""Of an answer as JSON, which repeats the names in each row: tens of thousands of requests with all their columns. The
two processes that pass it on hold it several times over, and one of them serves requests."""
THREADS = 2
"""Each takes address space of its own."""


encode = msgspec.json.Encoder(decimal_format="number", enc_hook=str).encode


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One query and its bounds."""

    query: str
    parameters: dict[str, object] = {}
    catalog: str
    rows: int
    """At most this many are answered."""
    timeout_s: float
    memory_bytes: int
    """Address space of this process; DuckDB gets half of it to work with."""


class Rejected(Exception):
    """Not exactly one SELECT, or one with too large an answer."""


def main() -> None:
    """Run the task on stdin, answer on stdout."""
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    try:
        _bound(task)
        with _open(task) as db:
            _answer(db, task)
    except Rejected as exc:
        _say({"error": {"exception_message": str(exc)}})
    except MemoryError:
        _say({"error": {"exception_message": f"needs more than {task.memory_bytes >> 20} MiB of memory"}})
    except duckdb.Error as exc:
        _say({"error": _described(exc)})


def _bound(task: Task) -> None:
    """Have the kernel hold this process to the task's bounds; nothing in it can lift them."""
    processors = os.cpu_count() or 1
    for limit, value in (
        (resource.RLIMIT_AS, task.memory_bytes),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, math.ceil(task.timeout_s * processors) + 1),
    ):
        resource.setrlimit(limit, (value, value))


def _open(task: Task) -> duckdb.DuckDBPyConnection:
    """The catalog, read-only, with every other door shut; the order matters, since the last setting locks the rest."""
    memory = {"memory_limit": f"{task.memory_bytes // 2}B", "threads": str(THREADS)}
    try:
        db = duckdb.connect(task.catalog, read_only=True, config={**SETTINGS, **memory})
    except duckdb.Error as exc:
        sys.exit(f"the catalog cannot be opened: {exc}")  # not the query's fault, and not answered as one
    parts = ", ".join(quoted(file) for (file,) in db.execute("SELECT file FROM parts").fetchall())
    db.execute("SET TimeZone = 'UTC'; SET errors_as_json = true")
    db.execute(f"SET allowed_paths = [{parts}]")
    db.execute("SET enable_external_access = false; SET lock_configuration = true")
    return db


def _answer(db: duckdb.DuckDBPyConnection, task: Task) -> None:
    statements = db.extract_statements(task.query)
    if [statement.type for statement in statements] != [duckdb.StatementType.SELECT]:
        raise Rejected("expected exactly one SELECT")
    db.execute(task.query, task.parameters or None)
    columns = [(column[0], str(column[1])) for column in db.description or ()]
    _say({"columns": columns})
    left, room = task.rows, MOST_BYTES
    names_bytes = len(encode([name for name, _ in columns]))
    while left and (rows := db.fetchmany(min(left, BATCH_ROWS))):
        for row in rows:
            line = encode(row)
            room -= names_bytes + len(line)
            if room < 0:
                raise Rejected(f"the answer is larger than {MOST_BYTES >> 20} MiB: select fewer rows or columns")
            _write(line)
        left -= len(rows)
    _say({"truncated": not left and db.fetchone() is not None})


def _described(exc: duckdb.Error) -> dict[str, str]:
    """What DuckDB says of an error, taken apart: `exception_message`, and `position` where it knows one."""
    _, _, text = str(exc).partition(": ")
    try:
        return msgspec.json.decode(text, type=dict[str, str])
    except msgspec.MsgspecError:
        return {"exception_message": text or str(exc)}


def _say(answer: object) -> None:
    _write(encode(answer))


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


if __name__ == "__main__":
    main()
