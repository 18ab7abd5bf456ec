"""The catalog: documented to the last column, exact about money, whole for everyone who reads it."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import duckdb
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from engine.pricing import Price, Rates, Tier, cost
from engine.store.catalog import DECLARED
from engine.store.hot import GROWING
from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.values import (
    NO_MEASURES,
    AttemptRecord,
    ConfigRecord,
    EventRecord,
    Measures,
    ModelRow,
    PriceRow,
    ProviderRow,
    RequestRecord,
    Usage,
    UsageSource,
)

MakeRequest = Callable[..., RequestRecord]
MakeConfig = Callable[..., ConfigRecord]

KINDS = [kind for kind in Usage.__struct_fields__ if kind != "source"]
USAGE = [*(f"{kind}_tokens" for kind in KINDS), "usage_source"]
COUNTS = st.integers(0, 10**9)
RATE = st.none() | st.integers(0, 10**8)
RATES = st.just(Rates()) | st.builds(Rates, **dict.fromkeys(KINDS, RATE))
USAGES = st.just(Usage()) | st.builds(
    Usage, source=st.sampled_from(UsageSource), **dict.fromkeys(KINDS, COUNTS | st.just(0))
)
MEASURED = Measures.__struct_fields__
SOME = st.just(0) | COUNTS
MEASURES = st.builds(Measures, **dict.fromkeys(MEASURED, SOME) | {"audio_ms": st.none() | SOME})
UNITS = ("request_pusd", "image_pusd", "audio_minute_pusd", "character_pusd", "search_pusd")


def connect(layout: Layout) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(layout.catalog), read_only=True)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """A catalog without rows."""
    layout = Layout(tmp_path_factory.mktemp("empty"))
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.publish()
    with connect(layout) as db:
        yield db


def columns(db: duckdb.DuckDBPyConnection, table: str) -> list[str]:
    rows = db.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ? AND NOT internal", [table])
    return [name for (name,) in rows.fetchall()]


@pytest.mark.parametrize(
    ("table", "record", "left_out", "added"),
    [
        ("requests", RequestRecord, {"at", "usage", "measures", "attempts"}, {"ts", "cost_usd", *USAGE, *MEASURED}),
        ("attempts", AttemptRecord, {"usage", "measures"}, {"request_id", "ts", "cost_usd", *USAGE, *MEASURED}),
        ("config_snapshots", ConfigRecord, {"at", "models"}, {"ts"}),
        ("events", EventRecord, {"at"}, {"ts"}),
    ],
)
def test_columns_are_the_fields_of_the_records(
    empty: duckdb.DuckDBPyConnection, table: str, record: type[Any], left_out: set[str], added: set[str]
) -> None:
    """Nothing that is journalled is missing from the tables, and nothing in them was not journalled."""
    assert set(columns(empty, table)) == set(record.__struct_fields__) - left_out | added


@pytest.mark.parametrize(("table", "row"), [("models", ModelRow), ("providers", ProviderRow), ("prices", PriceRow)])
def test_declared_columns_are_the_keys_of_the_rows(
    empty: duckdb.DuckDBPyConnection, table: str, row: type[Any]
) -> None:
    """Each declared row is stored whole, with the configuration it stands in."""
    assert set(columns(empty, table)) == set(get_type_hints(row)) - {"table"} | {"config_hash"}


def test_everything_has_a_comment(empty: duckdb.DuckDBPyConnection) -> None:
    """An analyst can read the meaning of every table, view and column in the catalog itself."""
    assert empty.execute("SELECT table_name FROM duckdb_tables() WHERE comment IS NULL").fetchall() == []
    views = "SELECT view_name FROM duckdb_views() WHERE NOT internal AND comment IS NULL"
    assert empty.execute(views).fetchall() == []
    bare = "SELECT table_name, column_name FROM duckdb_columns() WHERE NOT internal AND comment IS NULL"
    assert empty.execute(bare).fetchall() == []


def test_every_report_says_as_of_when(empty: duckdb.DuckDBPyConnection) -> None:
    """A figure cannot be mistaken for the present: each view that is not a table carries as_of."""
    names = [name for (name,) in empty.execute("SELECT view_name FROM duckdb_views() WHERE NOT internal").fetchall()]
    assert [name for name in names if "as_of" not in columns(empty, name)] == sorted(GROWING)
    assert not set(names) & set(DECLARED)


def priced_row(price: Price, above: int, rates: Rates) -> dict[str, object]:
    return {f"{kind}_pusd_per_token": getattr(rates, kind) for kind in KINDS} | {
        "table": "prices",
        "price_id": price.id,
        "provider": "openai",
        "model": "openai/gpt-4o",
        "from_at": price.from_at.isoformat(),
        "above_input_tokens": above,
        **{unit: getattr(price, unit) for unit in UNITS},
        "source": "",
    }


def provider_row(discount: Fraction) -> ProviderRow:
    return {
        "table": "providers",
        "provider": "openai",
        "name": "OpenAI",
        "protocol": "openai",
        "base_url": "https://api.openai.com/v1",
        "data": {},
        "discount_numerator": discount.numerator,
        "discount_denominator": discount.denominator,
        "disabled": "",
        "place": "providers.d/openai.yaml:1",
    }


@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    used=st.lists(st.tuples(USAGES, st.none() | MEASURES), min_size=60, max_size=60),
    base=RATES,
    tier=RATES,
    above=st.integers(1, 10**9),
    units=st.fixed_dictionaries(dict.fromkeys(UNITS, st.none() | st.integers(0, 10**12))),
    discount=st.fractions(0, 1, max_denominator=10_000),
)
def test_cost_in_sql_is_cost_in_python(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    make_request: MakeRequest,
    make_config: MakeConfig,
    used: list[tuple[Usage, Measures | None]],
    base: Rates,
    tier: Rates,
    above: int,
    units: dict[str, int | None],
    discount: Fraction,
) -> None:
    """The view that prices attempts again agrees with the request path to the pico-dollar, unknowns included."""
    tiers = (Tier(above_input_tokens=above, rates=tier),)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    price = replace(Price(id="openai/gpt-4o/2026-01-01", from_at=at, rates=base, tiers=tiers), **units)
    rows = (provider_row(discount), priced_row(price, 0, base), priced_row(price, above, tier))
    layout = Layout(tmp_path_factory.mktemp("cost"))
    writer = SegmentWriter(layout.journal, "w1", log=None)  # type: ignore[arg-type]  # nothing goes wrong
    writer.append(make_config(rows))
    attempt = make_request().attempts[0]
    attempts = [
        msgspec.structs.replace(attempt, n=n, usage=usage, measures=measures)
        for n, (usage, measures) in enumerate(used)
    ]
    writer.append(make_request(attempts=tuple(attempts)))
    writer.close()
    with Projector(layout, log=None) as projector:  # type: ignore[arg-type]  # nothing goes wrong
        projector.catch_up()
        projector.publish()
    with connect(layout) as db:
        found = db.execute("SELECT list_cost_pusd, cost_today_pusd FROM attempt_costs ORDER BY n").fetchall()
    expected = [cost(usage, price, discount, measures or NO_MEASURES) for usage, measures in used]
    assert found == [(known.list_pusd, known.pusd) for known in expected]


def test_reports_add_up(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """Sums are exact decimals; what is not priced is counted and not summed; a failed day shows."""
    layout = Layout(tmp_path)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    writer.append(make_request(cost_pusd=1))
    writer.append(make_request(cost_pusd=999_999_999_999_999_999))
    writer.append(make_request(cost_pusd=None, cost_problem="no price is in force"))
    writer.append(make_request(status=503, resolved_model=None, provider=None, usage=None, cost_pusd=None, attempts=()))
    writer.close()
    with Projector(layout, log=log) as projector:
        projector.catch_up()
        projector.publish()
    with connect(layout) as db:
        team = db.execute("SELECT requests, failed, unpriced, cost_pusd, cost_usd::VARCHAR FROM cost_by_team")
        assert [tuple(map(str, row)) for row in team.fetchall()] == [
            ("4", "1", "1", "1000000000000000000", "1000000.000000000000")
        ]
        unpriced = db.execute("SELECT model, cost_problem, requests, input_tokens FROM unpriced").fetchall()
        assert unpriced == [("openai/gpt-4o", "no price is in force", 1, 100)]


def test_a_stream_that_broke_is_no_lost_cost(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """What `fallback_cost` calls lost is in no cost of a request: a broken stream, which a caller got, is not."""
    layout = Layout(tmp_path)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    first = make_request().attempts[0]
    failed = msgspec.structs.replace(first, error_kind="server_error", status=500, cost_pusd=3)
    second = msgspec.structs.replace(first, n=2, role="fallback", cost_pusd=4)
    writer.append(
        make_request(error_kind="reset", attempts=(msgspec.structs.replace(first, error_kind="reset", cost_pusd=2),))
    )
    writer.append(make_request(attempts=(failed, second)))
    writer.append(make_request(status=502, resolved_model=None, provider=None, cost_pusd=None, attempts=(failed,)))
    writer.close()
    with Projector(layout, log=log) as projector:
        projector.catch_up()
        projector.publish()
    with connect(layout) as db:
        found = db.execute("SELECT answered, lost, answered_cost_pusd, lost_cost_pusd FROM fallback_cost").fetchall()
    assert found == [(1, 2, 4, 6)]


def test_readers_see_whole_publications_that_only_grow(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """While rows are appended, projected and published: no reader meets an error, a gap, a double, or less."""
    layout = Layout(tmp_path)
    over, faults, reads = threading.Event(), [], []

    def keep_reading() -> None:
        seen = 0
        while not over.is_set():
            with connect(layout) as db:
                query = "SELECT count(*), count(DISTINCT request_id), max(request_id) FROM requests"
                row = db.execute(query).fetchone()
                assert row is not None
                count, distinct, last = row
            if distinct != count or count < seen or (count and last != f"r{count:06}"):
                faults.append((seen, row))
            seen = count
            reads.append(count)

    writer = SegmentWriter(layout.journal, "w1", log=log, rotate_bytes=20_000)
    with Projector(layout, log=log) as projector:
        projector.publish()
        threads = [threading.Thread(target=keep_reading) for _ in range(2)]
        for thread in threads:
            thread.start()
        publications = 0
        while publications < 7 or (len(set(reads)) < 5 and publications < 40):  # until slow readers have met some
            for _ in range(9):
                writer.append(make_request())
            projector.catch_up()
            projector.publish()
            publications += 1
        over.set()
        for thread in threads:
            thread.join(10)
    writer.close()
    assert faults == []
    assert len(set(reads)) > 3


def test_an_open_catalog_stays_what_it_was(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """A reader that keeps its connection goes on seeing the publication that it opened."""
    layout = Layout(tmp_path)
    writer = SegmentWriter(layout.journal, "w1", log=log)
    with Projector(layout, log=log) as projector:
        projector.publish()
        with connect(layout) as db:
            writer.append(make_request())
            projector.catch_up()
            projector.publish()
            assert db.execute("SELECT count(*) FROM requests").fetchall() == [(0,)]
    writer.close()
