"""Questions to the catalog: exact answers, bounded work, one line of error."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.query import Answer, Column, QueryFailed, ask


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layout = Layout(tmp_path_factory.mktemp("query"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    return layout.catalog


def test_an_answer_keeps_names_types_and_every_digit(catalog: Path) -> None:
    """Decimals and integers beyond 64 bits come back exact; structures as JSON has them."""
    found = ask(
        "SELECT 1.000000000001 AS a, [1, NULL] AS b, 170141183460469231731687303715884105727 AS c",
        catalog,
    )
    assert [column.name for column in found.columns] == ["a", "b", "c"]
    assert found.columns[0] == Column("a", "DECIMAL(13,12)")
    assert found.rows == ((Decimal("1.000000000001"), [1, None], 2**127 - 1),)


@pytest.mark.parametrize(
    "names", [("ts", "ts"), ("a", "A", "a_1", "A", "b"), ("a_1", "a", "a", "a"), ("a", "a", "a", "a_2")], ids=str
)
def test_columns_of_one_name_are_told_apart(catalog: Path, names: tuple[str, ...]) -> None:
    """No column hides another, in whatever format: they are called what DuckDB calls them in a table."""
    query = "SELECT " + ", ".join(f"{value} AS {name}" for value, name in enumerate(names))
    found = ask(query, catalog)
    with duckdb.connect() as db:
        db.execute(f"CREATE TABLE t AS {query}")
        assert [column.name for column in found.columns] == [name for name, *_ in db.execute("FROM t").description]
    assert found.rows == (tuple(range(len(names))),)


def test_rows_are_bounded_and_said_to_be(catalog: Path) -> None:
    """The first rows are answered, and whether there were more."""
    assert ask("FROM range(3)", catalog, rows=3).truncated is False
    found = ask("FROM range(3)", catalog, rows=2)
    assert (found.rows, found.truncated) == (((0,), (1,)), True)


def test_parameters_are_values_not_text(catalog: Path) -> None:
    """What is passed beside the query is never read as SQL."""
    text = "'; DROP TABLE models; --"
    assert ask("SELECT $x AS x", catalog, parameters={"x": text}).rows == ((text,),)


def test_no_rows_keep_their_columns(catalog: Path) -> None:
    """An empty answer still has its header."""
    assert ask("SELECT team FROM requests", catalog) == Answer(
        columns=(Column("team", "VARCHAR"),), rows=(), truncated=False
    )


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT nothing FROM requests", '1:8: Referenced column "nothing" not found in FROM clause!'),
        ("SELECT 'ä',\n  nothing FROM requests", '2:3: Referenced column "nothing" not found in FROM clause!'),
        ("SELEC 1", '1:1: syntax error at or near "SELEC"'),
        ("", "expected exactly one SELECT"),
        ("SELECT 1; SELECT 2", "expected exactly one SELECT"),
        ("SELECT $x", "Values were not provided for the following "),
    ],
)
def test_an_error_is_one_line_with_its_place(catalog: Path, query: str, message: str) -> None:
    """line:column of the query, and what is wrong there."""
    with pytest.raises(QueryFailed) as caught:
        ask(query, catalog)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_query_that_runs_too_long_is_stopped(catalog: Path) -> None:
    """The process is killed at its deadline, however busy it is."""
    with pytest.raises(QueryFailed, match=r"^the query ran longer than 0\.7 s and was stopped$"):
        ask(
            "SELECT count(*) FROM range(1000000) a, range(1000000) b WHERE a.range + b.range = 7",
            catalog,
            timeout_s=0.7,
        )


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 200000) FROM range(1000)",
        "SELECT repeat('x', 70000000)",
        f'SELECT 1 AS "{"n" * 100_000}" FROM range(1000)',
        "SELECT repeat('x', 100) FROM range(1000000)",
    ],
    ids=["wide rows", "one row", "names", "many rows"],
)
def test_a_large_answer_is_refused(catalog: Path, query: str) -> None:
    """The bound on rows is none on bytes, and whoever passes the answer on has to hold it."""
    with pytest.raises(QueryFailed, match=r"^the answer is larger than 64 MiB: select fewer rows or columns$"):
        ask(query, catalog, rows=1_000_000)


def test_a_query_that_needs_too_much_memory_is_refused(catalog: Path) -> None:
    """Two gigabytes of text, which DuckDB's own limit does not stop, cost a message."""
    with pytest.raises(QueryFailed, match=r"^failed to allocate data of size 2\.0 GiB"):
        ask("SELECT repeat('x', 2000000000)", catalog)
