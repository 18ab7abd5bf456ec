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
    """Put the catalog of everything published at *path*, in one step for those who open it.

    *as_of* is the instant up to which the journals were read.
    """
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    parts = hot.parts()
    with hot.catalog(fresh) as db:
        for table in GROWING:
            db.execute(_view(table, [parts_folder / part.file for part in parts if part.table == table]))
        for table in DECLARED:
            db.execute(f"CREATE TABLE {table} AS FROM hot.{table}")
        _publication(db, parts, parts_folder, as_of)
        db.execute(script("views.sql"))
        _comment(db)
    sync(fresh)
    fresh.replace(path)
    sync(path.parent)


def _view(table: str, files: list[Path]) -> str:
    """Absolute paths, so that the catalog works from every working directory."""
    listed = ", ".join(quoted(str(file.resolve())) for file in files)
    return f"CREATE VIEW {table} AS FROM read_parquet([{listed}])"


def _publication(db: duckdb.DuckDBPyConnection, parts: list[Part], folder: Path, as_of: datetime) -> None:
    db.execute(script("publication.sql"))
    db.execute("INSERT INTO publication VALUES (?, ?)", [parts[-1].publication, as_of])
    rows = [(part.table, str((folder / part.file).resolve()), part.rows, part.first_at, part.last_at) for part in parts]
    db.executemany("INSERT INTO parts VALUES (?, ?, ?, ?, ?)", rows)


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
