"""The catalog: a small database of documented views over an exact list of parts, replaced as a whole.

A reader that has it open keeps seeing the parts it names, which never change; one that opens it again sees a later
whole. That is why no reader meets a gap, a double count or time going backwards.
"""

from datetime import datetime
from pathlib import Path

import duckdb

from engine.store.hot import GROWING, Hot, Part, sync
from engine.store.text import quoted, script

__all__ = ["DECLARED", "build"]

DECLARED = ("models", "providers", "prices")
"""Tables small enough to be copied into each catalog."""


def build(hot: Hot, parts_folder: Path, path: Path, as_of: datetime) -> None:
    """Replace the catalog at *path*, in one step for readers, by one of everything that is published.

    *as_of* is the instant up to which the journals were read.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    folder = parts_folder.resolve()
    parts = hot.parts()
    with hot.catalog(fresh) as db:
        for table in GROWING:
            db.execute(_view(table, folder, [part for part in parts if part.table == table]))
        for table in DECLARED:
            db.execute(f"CREATE TABLE {table} AS FROM hot.{table}")
        _publication(db, parts[-1].publication, folder, as_of)
        db.execute(script("views.sql"))
        _comment(db)
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)


def _view(table: str, folder: Path, parts: list[Part]) -> str:
    """One `read_parquet` for all parts with the same columns; a column that a part lacks is NULL in its rows.

    DuckDB's own `union_by_name` opens every file twice: 0.5 s for 3,000 of them, at each publication and each query.
    The paths are absolute, so that the catalog works from every working directory.
    """
    alike: dict[int | None, list[str]] = {}
    for part in parts:
        alike.setdefault(part.columns, []).append(quoted(str(folder / part.file)))
    readings = [f"FROM read_parquet([{', '.join(files)}])" for files in alike.values()]
    return f"CREATE VIEW {table} AS {' UNION ALL BY NAME '.join(readings)}"


def _publication(db: duckdb.DuckDBPyConnection, number: int, folder: Path, as_of: datetime) -> None:
    db.execute(script("publication.sql"))
    db.execute("INSERT INTO publication VALUES (?, ?)", [number, as_of])
    db.execute(
        "INSERT INTO parts SELECT table_name, $folder || '/' || file, row_count, first_ts, last_ts"
        " FROM hot.parts ORDER BY publication, table_name",
        {"folder": str(folder)},
    )


def _comment(db: duckdb.DuckDBPyConnection) -> None:
    """Give tables and views here the comments of the tables they show."""
    names = [*GROWING, *DECLARED]
    tables = db.execute(
        "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = 'hot' AND list_contains(?, table_name)",
        [names],
    ).fetchall()
    for table, comment in tables:
        db.execute(f"COMMENT ON {'VIEW' if table in GROWING else 'TABLE'} {table} IS {quoted(comment)}")
    columns = db.execute(
        "SELECT table_name, column_name, comment FROM duckdb_columns()"
        " WHERE database_name = 'hot' AND list_contains(?, table_name)",
        [names],
    ).fetchall()
    for table, column, comment in columns:
        db.execute(f"COMMENT ON COLUMN {table}.{column} IS {quoted(comment)}")
