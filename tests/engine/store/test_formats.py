"""Answers as files that other tools read."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from engine.store.formats import to_csv, to_json, to_parquet
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.query import Answer, Column, QueryFailed, ask

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


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = Layout(tmp_path_factory.mktemp("formats"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    return layout.catalog


@pytest.mark.parametrize(
    ("expression", "kind", "value"),
    [
        ("sum(9007199254740993)", "DECIMAL(38,0)", Decimal(9007199254740993)),
        ("[12345678901234567890123456789::HUGEINT]", "DECIMAL(38,0)[]", [Decimal(12345678901234567890123456789)]),
        ("18446744073709551615::UBIGINT", "UBIGINT", 2**64 - 1),
        ("INTERVAL '2 days'", "VARCHAR", "P2D"),
        ("'101'::BIT", "VARCHAR", "101"),
        ("union_value(k := 2)", "VARCHAR", "2"),
        (r"'a\x00\xFF'::BLOB", "BLOB", b"a\0\xff"),
        ("NULL::BLOB", "BLOB", None),
        ("NULL", "INTEGER", None),
        ("""'{"a": 1}'::JSON""", "VARCHAR", '{"a": 1}'),
        (
            "{'HUGEINT': 1::HUGEINT, 'BIT and': 'BLOB'::ENUM ('BLOB')}",
            'STRUCT(HUGEINT DECIMAL(38,0), "BIT and" VARCHAR)',
            {"HUGEINT": Decimal(1), "BIT and": "BLOB"},
        ),
    ],
)
def test_parquet_has_every_type(catalog: Path, tmp_path: Path, expression: str, kind: str, value: object) -> None:
    """Whole numbers keep every digit and bytes are bytes; what Parquet has no type for is text."""
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet(ask(f'SELECT {expression} AS "a ""b"""', catalog)))
    with duckdb.connect() as db:
        found = db.read_parquet(str(path))
        assert ([str(one) for one in found.types], found.fetchall()) == ([kind], [(value,)])


def test_what_parquet_cannot_hold_is_said(catalog: Path) -> None:
    """A number of 39 digits is one line of error, and what to do about it."""
    answer = ask("SELECT 170141183460469231731687303715884105727::HUGEINT AS n", catalog)
    with pytest.raises(
        QueryFailed, match=r"^cannot be written as Parquet; cast it in the query: .* in row 1: "
    ) as caught:
        to_parquet(answer)
    assert "\n" not in str(caught.value)


def test_no_rows_make_valid_files(tmp_path: Path) -> None:
    """An empty answer is an empty table in every form."""
    empty = Answer(columns=ANSWER.columns, rows=(), truncated=False)
    assert to_csv(empty) == "team,cost_usd,tags,ok\n"
    assert to_json(empty) == "[]\n"
    path = tmp_path / "x.parquet"
    path.write_bytes(to_parquet(empty))
    with duckdb.connect() as db:
        assert db.read_parquet(str(path)).fetchall() == []
