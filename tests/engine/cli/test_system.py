"""The machine's time and randomness keep what the ports promise."""

import re
from datetime import UTC

from engine.cli.system import SystemClock, SystemEntropy


async def test_clock() -> None:
    """The present is aware and UTC, and sleeping passes time."""
    clock = SystemClock()
    before = clock.monotonic()
    await clock.sleep(0.01)

    assert clock.now().tzinfo is UTC
    assert clock.monotonic() - before >= 0.009


def test_request_ids_repeat_never_and_sort_by_time() -> None:
    """An id begins with its millisecond, and no two are equal."""
    entropy = SystemEntropy()
    ids = [entropy.request_id() for _ in range(1000)]
    millis = [request_id[: len("req_") + 12] for request_id in ids]

    assert len(set(ids)) == 1000
    assert millis == sorted(millis)
    assert all(re.fullmatch(r"req_[0-9a-f]{28}", request_id) for request_id in ids)


def test_draws_are_shares() -> None:
    """A draw is in [0, 1)."""
    assert all(0.0 <= SystemEntropy().draw() < 1.0 for _ in range(1000))
