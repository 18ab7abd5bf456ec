"""The shut-in process: attacks that must fail, and what must not fail with them."""

from pathlib import Path

import pytest

from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.query import QueryFailed, ask

ATTACKS = [
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/proc/self/environ')",
    "SELECT * FROM read_blob('/etc/hostname')",
    "SELECT * FROM read_json('/etc/hostname')",
    "SELECT * FROM read_parquet('/tmp/*.parquet')",
    "SELECT * FROM read_text('{folder}/usage/status.json')",
    "SELECT * FROM glob('/etc/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM 'http://127.0.0.1:1/x.csv'",
    "SELECT * FROM read_csv('s3://bucket/x.csv')",
    "SELECT getenv('HOME')",
    "COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "COPY (SELECT 1) TO '{folder}/usage/parts/requests/000000000000.parquet'",
    "COPY models FROM '/etc/passwd'",
    "EXPORT DATABASE '/tmp/stolen'",
    "IMPORT DATABASE '/tmp/stolen'",
    "ATTACH '/tmp/other.duckdb'",
    "ATTACH ':memory:' AS m",
    "DETACH usage",
    "INSTALL httpfs",
    "LOAD httpfs",
    "CREATE TABLE t (a INTEGER)",
    "CREATE TEMP TABLE t AS SELECT 1",
    "CREATE VIEW v AS SELECT 1",
    "CREATE MACRO m() AS 1",
    "CREATE PERSISTENT SECRET s (TYPE s3)",
    "INSERT INTO publication VALUES (1, NULL)",
    "DELETE FROM publication",
    "UPDATE publication SET number = 0",
    "DROP VIEW requests",
    "ALTER TABLE models ADD COLUMN x INTEGER",
    "SET memory_limit = '100GB'",
    "SET enable_external_access = true",
    "SET lock_configuration = false",
    "SET allowed_paths = ['/etc/passwd']",
    "RESET lock_configuration",
    "PRAGMA threads = 64",
    "CALL pragma_version()",
    "CALL enable_logging(storage = 'file')",
    "PREPARE p AS SELECT 1",
    "CHECKPOINT",
    "VACUUM",
    "BEGIN TRANSACTION",
    "USE memory",
    "EXPLAIN ANALYZE SELECT 1",
    "SELECT 1; DROP TABLE models",
    "SELECT 1; COPY (SELECT 1) TO '/tmp/stolen.csv'",
    "WITH x AS (INSERT INTO models BY NAME SELECT 'x' AS model RETURNING *) SELECT * FROM x",
    "SELECT * FROM query('COPY (SELECT 1) TO ''/tmp/stolen.csv''')",
    "SELECT * FROM query_table(['/etc/passwd'])",
]
HARMLESS = [
    "SELECT count(*) FROM requests",
    "FROM requests SELECT team",
    "WITH t AS (SELECT 1 AS a) SELECT a FROM t;",
    "DESCRIBE requests",
    "SUMMARIZE requests",
    "SHOW TABLES",
    "VALUES (1), (2)",
    "SELECT 1 -- a remark; with a semicolon",
]


@pytest.fixture(scope="module")
def layout(tmp_path_factory: pytest.TempPathFactory) -> Layout:
    layout = Layout(tmp_path_factory.mktemp("reader"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    return layout


def content(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_and_changes_nothing(layout: Layout, attack: str) -> None:
    """No file but the parts can be read, nothing can be written, no setting turned, no second statement run."""
    before = content(layout.data)
    with pytest.raises(QueryFailed):
        ask(attack.replace("{folder}", str(layout.data.resolve())), layout.catalog)
    assert content(layout.data) == before
    assert not Path("/tmp/stolen.csv").exists()


@pytest.mark.parametrize("query", HARMLESS)
def test_what_analysts_write_is_answered(layout: Layout, query: str) -> None:
    """The walls stand around the data, not around the language."""
    assert ask(query, layout.catalog).columns
