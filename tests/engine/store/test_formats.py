"""Answers as files that other tools read."""

from decimal import Decimal
from pathlib import Path

import duckdb

from engine.store.formats import to_csv, to_json, to_parquet
from engine.store.query import Answer, Column

ANSWER = Answer(
    columns=(
        Column("team", "VARCHAR"),
        Column("cost_usd", "DECIMAL(38,12)"),
        Column("tags", "MAP(VARCHAR, VARCHAR)"),
        Column("ok", "BOOLEAN"),
    ),
    rows=(
        ('a, "b"\nc', Decimal("12345678901234567890.000000000001"), {"k": "v"}, True),
        (None, Decimal("0E-12"), {}, None),
    ),
    truncated=False,
)


def test_csv_quotes_what_needs_it() -> None:
    """Commas, quotes and line breaks survive; NULL is nothing; decimals are never in scientific notation."""
    assert to_csv(ANSWER) == (
        "team,cost_usd,tags,ok\n"
        '"a, ""b""\nc",12345678901234567890.000000000001,"{""k"": ""v""}",true\n'
        ",0.000000000000,{},\n"
    )


def test_json_keeps_every_digit() -> None:
    """One object a row, with numbers as numbers."""
    assert to_json(ANSWER) == (
        '[{"team":"a, \\"b\\"\\nc","cost_usd":12345678901234567890.000000000001,"tags":{"k":"v"},"ok":true},\n'
        ' {"team":null,"cost_usd":0E-12,"tags":{},"ok":null}]\n'
    )


def test_parquet_keeps_types_and_values(tmp_path: Path) -> None:
    """What comes out of the file is what the query found, typed as the query typed it."""
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet(ANSWER))
    with duckdb.connect() as db:
        found = db.read_parquet(str(path))
        assert [str(kind) for kind in found.types] == [column.type for column in ANSWER.columns]
        assert found.fetchall() == list(ANSWER.rows)


def test_no_rows_make_valid_files(tmp_path: Path) -> None:
    """An empty answer is an empty table in every form."""
    empty = Answer(columns=ANSWER.columns, rows=(), truncated=False)
    assert to_csv(empty) == "team,cost_usd,tags,ok\n"
    assert to_json(empty) == "[]\n"
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet(empty))
    with duckdb.connect() as db:
        assert db.read_parquet(str(path)).fetchall() == []
