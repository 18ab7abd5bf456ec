"""Answers as files: CSV, JSON and Parquet."""

import csv
import io
import json
import re
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb
import msgspec

from engine.store.query import Answer, Column, QueryFailed
from engine.store.text import quoted

__all__ = ["to_csv", "to_json", "to_parquet"]

_encode = msgspec.json.Encoder(decimal_format="number").encode
_encode_text = msgspec.json.Encoder(decimal_format="string").encode
"""DuckDB reads a JSON number with decimals as a double, and text with all its digits."""

LARGEST = 2**63
"""From here on DuckDB reads whole JSON numbers as doubles, too."""
WORDS = re.compile(r"""(?:"[^"]*"|'[^']*')+|\w+""")
"""Of a type: names and values in quotes, or a word."""
STORED = {
    **dict.fromkeys(("HUGEINT", "UHUGEINT"), "DECIMAL(38,0)"),
    **dict.fromkeys(("INTERVAL", "BIT", "BIGNUM", "BLOB", "JSON", "VARIANT"), "VARCHAR"),
    '"NULL"': "INTEGER",
}
"""Types that Parquet has not, or that DuckDB does not read from JSON as they were, and what stands for them. What is
text in the answer stays it, but for columns of BLOB, which are bytes again. NULL is what tables of DuckDB's make of it.
"""


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
    """A Parquet file with the answer's own types, or those of `STORED` for them.

    Raises:
        QueryFailed: a value has no place in the file, such as a number of more than 38 digits.
    """
    types = ", ".join(f"{quoted(column.name)}: {quoted(_stored(column.type))}" for column in answer.columns)
    names = [column.name for column in answer.columns]
    with TemporaryDirectory() as folder, duckdb.connect() as db:
        lines, file = Path(folder, "rows.ndjson"), Path(folder, "rows.parquet")
        rows = ([_exact(value) for value in row] for row in answer.rows)
        lines.write_bytes(b"\n".join(_encode_text(dict(zip(names, row, strict=True))) for row in rows))
        db.execute("SET VARIABLE lines = $path", {"path": str(lines)})
        db.execute("SET TimeZone = 'UTC'")
        try:
            db.sql(_reading(answer.columns, types)).write_parquet(str(file))
        except duckdb.Error as exc:
            reason = str(exc).partition("\n")[0].replace(f'in file "{lines}", in line', "in row")
            raise QueryFailed(f"cannot be written as Parquet; cast it in the query: {reason}") from exc
        return file.read_bytes()


def _reading(columns: Sequence[Column], types: str) -> str:
    """The query that reads the lines back, bytes from their base64."""
    values = ", ".join(_value(column) for column in columns)
    return f"FROM read_json(getvariable('lines'), format = 'newline_delimited', columns = {{{types}}}) SELECT {values}"


def _value(column: Column) -> str:
    name = '"' + column.name.replace('"', '""') + '"'
    return f"from_base64({name}) AS {name}" if column.type == "BLOB" else name


def _stored(kind: str) -> str:
    """The type that stands for *kind* in the file. A column with a union anywhere is text: JSON does not tell which."""
    if "UNION" in WORDS.findall(kind):
        return "VARCHAR"
    return WORDS.sub(_word, kind)


def _word(found: re.Match[str]) -> str:
    """What stands for one word of a type; names of fields, which alone are followed by a blank, stay."""
    is_name = found.string.startswith(" ", found.end())
    return found[0] if is_name else STORED.get(found[0], found[0])


def _exact(value: object) -> object:
    """The value with whole numbers as text where DuckDB would read them as doubles."""
    match value:
        case int() if abs(value) >= LARGEST:
            return str(value)
        case list():
            return [_exact(one) for one in value]
        case dict():
            return {key: _exact(one) for key, one in value.items()}
        case _:
            return value


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
