"""The projector's own database: rows that are not published yet, journal positions, the list of parts.

One process has it open. Rows and the positions they were read up to, or a publication and the rows that went into it,
are committed together or not at all. Batches accumulate in one transaction that publishing normally commits: rows
inserted and deleted in the same transaction never reach the database's log, and cost 40 % less. What a kill undoes is
still in the journal.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

import duckdb

from engine.errors import EngineError
from engine.store.batch import Batch
from engine.store.text import quoted, script

__all__ = ["GROWING", "Hot", "Part", "Unloadable", "sync"]

STORAGE_VERSION = "v1.2.0"
"""Read by every DuckDB since 1.2: neither analysts nor a downgrade are locked out by the version that writes."""
GROWING = ("requests", "attempts", "config_snapshots", "events")
"""Tables that only grow, and therefore consist of parts."""
EMPTY = "DELETE FROM requests; DELETE FROM attempts; DELETE FROM config_snapshots; DELETE FROM events"
PARTS = """
SELECT publication, table_name, file, row_count, first_ts, last_ts, column_count
FROM parts LEFT JOIN part_widths USING (file)
ORDER BY publication, table_name
"""
NEXT_PUBLICATION = """
SELECT 1 + max(number)
FROM (SELECT publication AS number FROM parts UNION ALL SELECT parse_filename(file, true)::BIGINT FROM retired_parts)
"""
RETIRE = """
INSERT INTO retired_parts
SELECT file, $now FROM parts, retention
WHERE table_name IN ('requests', 'attempts', 'events') AND last_ts < $now - to_days(days)
"""
"""`privacy.retention` holds for usage; configurations stay, so that kept rows can be explained."""
MEMORY = "1GB"
THREADS = 1
"""A second thread loads a little faster but uses a third more processor time, which the gateway's workers need more."""


class Unloadable(EngineError):
    """A batch with a record that the tables cannot hold: a number beyond 64 bits, or more than 32 MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One immutable Parquet file of a table."""

    publication: int
    table: str
    file: str
    """Below the folder of parts."""
    rows: int
    first_at: datetime | None
    """Earliest `ts`; None in a part without rows."""
    last_at: datetime | None
    columns: int | None
    """How many its table had; tables only gain columns. None for the oldest parts, which have the fewest columns."""


class Hot:
    """The open database. A context manager; closing it undoes what is not committed, and checkpoints."""

    def __init__(self, path: Path, batch: Path) -> None:
        self._batch = batch
        self._has_begun = False
        """Whether a transaction is open."""
        self._load = script("load.sql")
        self._load_rest = script("load_rest.sql")
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = duckdb.connect(config={"memory_limit": MEMORY, "threads": THREADS})
        attach(self._db, path, "hot")
        self._db.execute("USE hot; SET TimeZone = 'UTC'")
        self._db.execute("SET VARIABLE batch = $path", {"path": str(batch)})
        self._db.execute(script("schema.sql"))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Undo what is not committed, and checkpoint."""
        self._db.close()

    def positions(self) -> dict[str, int]:
        """How many bytes of each segment are projected."""
        return dict(self._db.execute("SELECT segment, byte_offset FROM positions").fetchall())

    def load(self, batch: Batch) -> None:
        """Insert the batch's rows and move the positions; `commit` or `publish` makes that permanent.

        Raises:
            Unloadable: a value has no place in its column. Everything since the last commit is undone.
        """
        batch.write(self._batch)
        self._begin()
        try:
            with self._undone_by_failure():
                self._db.execute(self._load)
                if not batch.is_usage_alone:  # reading empty files takes half as long as a second's usage
                    self._db.execute(self._load_rest)
        except duckdb.InvalidInputException as exc:
            raise Unloadable(str(exc).partition("\n")[0]) from exc

    def commit(self) -> None:
        """Make permanent what has been loaded."""
        if self._has_begun:
            self._has_begun = False
            self._db.commit()

    def unreadable(self) -> set[str]:
        """Segments with frames that held no record."""
        return {segment for (segment,) in self._db.execute("SELECT DISTINCT segment FROM unreadable").fetchall()}

    def leave(self, segment: str) -> None:
        """The segment is gone, and so is what is known of it."""
        self._db.execute("DELETE FROM positions WHERE segment = $segment", {"segment": segment})
        self._db.execute("DELETE FROM unreadable WHERE segment = $segment", {"segment": segment})

    def waiting(self) -> list[str]:
        """Tables with rows that are not published yet."""
        return [table for table in GROWING if self._db.table(table).limit(1).fetchall()]

    def export(self, table: str, publication: int, directory: Path) -> Part:
        """Write the table's unpublished rows to the Parquet file of that publication, durably.

        A file that a killed process left under that name is replaced: no catalog has named it.
        """
        file = f"{table}/{publication:012}.parquet"
        path = directory / file
        path.parent.mkdir(parents=True, exist_ok=True)
        relation = self._db.table(table)
        relation.write_parquet(str(path), compression="zstd")
        sync(path)
        sync(path.parent)
        rows, first_at, last_at = relation.aggregate("count(*), min(ts), max(ts)").fetchall()[0]
        return Part(
            publication=publication,
            table=table,
            file=file,
            rows=rows,
            first_at=first_at,
            last_at=last_at,
            columns=len(relation.columns),
        )

    def publish(self, parts: Sequence[Part]) -> None:
        """The unpublished rows are in *parts* from now on, and only there. Commits."""
        rows = [(p.publication, p.table, p.file, p.rows, p.first_at, p.last_at) for p in parts]
        self._begin()
        with self._undone_by_failure():
            self._db.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?, ?)", rows)
            self._db.executemany("INSERT INTO part_widths VALUES (?, ?)", [(p.file, p.columns) for p in parts])
            self._db.execute(EMPTY)
        self.commit()

    def parts(self) -> list[Part]:
        """Every part of every table, in journal order."""
        rows = self._db.execute(PARTS).fetchall()
        return [
            Part(publication=publication, table=table, file=file, rows=n, first_at=first, last_at=last, columns=columns)
            for publication, table, file, n, first, last, columns in rows
        ]

    def next_publication(self) -> int:
        """A number that no listed part has, nor any retired file that is kept for readers of an older catalog."""
        return self._one(NEXT_PUBLICATION)[0]

    def retire(self, now: datetime) -> int:
        """Take the parts that are past retention off the list; how many there were."""
        with self._transaction():
            self._db.execute(RETIRE, {"now": now})
            self._db.execute("DELETE FROM part_widths WHERE file IN (SELECT file FROM retired_parts)")
            (gone,) = self._one("DELETE FROM parts WHERE file IN (SELECT file FROM retired_parts)")
        return int(gone)

    def retired(self, before: datetime) -> list[str]:
        """Files of parts that left the list before that instant."""
        rows = self._db.execute("SELECT file FROM retired_parts WHERE retired_at < $before", {"before": before})
        return [file for (file,) in rows.fetchall()]

    def forget(self, file: str) -> None:
        """Forget a retired part whose file is deleted."""
        self._db.execute("DELETE FROM retired_parts WHERE file = $file", {"file": file})

    @contextmanager
    def catalog(self, path: Path) -> Iterator[duckdb.DuckDBPyConnection]:
        """A transaction on a new database at *path*, in which this one is attached as `hot`."""
        attach(self._db, path, "catalog")
        self._db.execute("USE catalog")
        try:
            with self._transaction():
                yield self._db
        finally:
            self._db.execute("USE hot")
            self._db.execute("DETACH catalog")

    def _begin(self) -> None:
        """Begin a transaction unless one is open."""
        if not self._has_begun:
            self._db.begin()
            self._has_begun = True

    @contextmanager
    def _undone_by_failure(self) -> Iterator[None]:
        """Roll the transaction back if anything is raised inside."""
        with ExitStack() as undo:
            undo.callback(self._rollback)
            yield
            undo.pop_all()

    def _rollback(self) -> None:
        self._has_begun = False
        self._db.rollback()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        """The open transaction, or a new one; committed at the end, with whatever has been loaded in it."""
        self._begin()
        with self._undone_by_failure():
            yield
        self.commit()

    def _one(self, query: str) -> tuple[int, ...]:
        row: tuple[int, ...] = self._db.execute(query).fetchall()[0]
        return row


def attach(db: duckdb.DuckDBPyConnection, path: Path, name: str) -> None:
    """Open the file read-write under that name, making it where it is missing."""
    db.execute(f"ATTACH {quoted(str(path))} AS {name} (STORAGE_VERSION {quoted(STORAGE_VERSION)})")


def sync(path: Path) -> None:
    """Make a file, or the names in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
