"""How far usage lags behind requests, as /metrics and /ready say it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from engine.store.journal import SegmentWriter
from engine.store.layout import Layout
from engine.store.projector import Projector
from engine.store.status import Lag, lag
from engine.values import RequestRecord

AT = datetime(2026, 11, 20, tzinfo=UTC)
MakeRequest = Callable[..., RequestRecord]


def test_nothing_was_journalled_yet(tmp_path: Path) -> None:
    """A fresh data directory has no lag and no instant."""
    assert lag(tmp_path) == Lag(bytes=0, records=0, as_of=None, published_at=None)


def test_the_lag_is_what_the_projector_has_not_read(tmp_path: Path, log: Any, make_request: MakeRequest) -> None:
    """It grows with every record over all segments, and is gone once they are projected."""
    writer = SegmentWriter(tmp_path / "journal", "w1", log=log, rotate_bytes=4000)
    sizes = set()
    for count in range(1, 9):
        writer.append(make_request())
        found = lag(tmp_path)
        assert found.records == count
        sizes.add(found.bytes)
    assert len(sizes) == 8
    with Projector(Layout(tmp_path), log=log, now=lambda: AT) as projector:
        projector.catch_up()
        assert lag(tmp_path) == Lag(bytes=0, records=0, as_of=AT, published_at=None)
        projector.publish()
    writer.append(make_request())
    assert lag(tmp_path) == Lag(bytes=max(sizes) // 8, records=1, as_of=AT, published_at=AT)
    writer.close()
