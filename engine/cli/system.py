"""The machine's time and randomness, as the ports that the gateway reads them through."""

import asyncio
import itertools
import os
import random
import time
from datetime import UTC, datetime

__all__ = ["SystemClock", "SystemEntropy"]


class SystemClock:
    """`gateway.Clock` over the machine's clocks."""

    def monotonic(self) -> float:
        """Seconds since the machine started: the same clock in every process."""
        return time.monotonic()

    def now(self) -> datetime:
        """The present, UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)


class SystemEntropy:
    """`gateway.Entropy` over the machine's randomness."""

    def __init__(self) -> None:
        self._process = os.urandom(5).hex()
        self._numbers = itertools.count()

    def draw(self) -> float:
        """A number in [0, 1)."""
        return random.random()  # noqa: S311 - spreads traffic; nobody gains by guessing it

    def request_id(self) -> str:
        """Milliseconds of the clock, 40 bits of the process, its count: sorts by time, repeats never."""
        return f"req_{time.time_ns() // 1_000_000:012x}{self._process}{next(self._numbers) & 0xFFFFFF:06x}"
