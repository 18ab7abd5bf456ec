"""Answers as files: CSV, JSON and Parquet."""

import csv
import io
import json
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec

from engine.store.query import Answer
from engine.store.text import quoted

__all__ = ["to_csv", "to_json", "to_parquet"]

_encode = msgspec.json.Encoder(decimal_format="number").encode
_encode_text = msgspec.json.Encoder(decimal_format="string").encode
"""DuckDB reads a JSON number with decimals as a double, and text with all its digits."""


def to_csv(answer: Answer) -> str:
    """A header and one line per row (RFC 4180, but with line feeds); lists and mappings as JSON, NULL as nothing."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(column.name for column in answer.columns)
    writer.writerows([_cell(value) for value in row] for row in answer.rows)
    return text.getvalue()


def to_json(answer: Answer) -> str:
    """An array with one object per row, each on its own line; decimals keep every digit."""
    names = [column.name for column in answer.columns]
    objects = (_encode(dict(zip(names, row, strict=True))).decode() for row in answer.rows)
    return "[" + ",\n ".join(objects) + "]\n"


def to_parquet(answer: Answer) -> bytes:
    """A Parquet file with the answer's own types."""
    types = ", ".join(f"{quoted(column.name)}: {quoted(column.type)}" for column in answer.columns)
    names = [column.name for column in answer.columns]
    with TemporaryDirectory() as folder, duckdb.connect() as db:
        lines, file = Path(folder, "rows.ndjson"), Path(folder, "rows.parquet")
        lines.write_bytes(b"\n".join(_encode_text(dict(zip(names, row, strict=True))) for row in answer.rows))
        query = f"FROM read_json(getvariable('lines'), format = 'newline_delimited', columns = {{{types}}})"
        db.execute("SET VARIABLE lines = $path", {"path": str(lines)})
        db.sql(query).write_parquet(str(file))
        return file.read_bytes()


def _cell(value: object) -> str:
    match value:
        case None:
            return ""
        case str():
            return value
        case bool():
            return str(value).lower()
        case int() | Decimal():
            return format(value, "f") if isinstance(value, Decimal) else str(value)
        case _:
            return json.dumps(value, default=str)
