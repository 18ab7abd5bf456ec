"""The machine's time and randomness, as the ports that the gateway reads them through."""

import asyncio
import itertools
import os
import random
import time
from datetime import UTC, datetime
from functools import partial

__all__ = ["SystemClock", "SystemEntropy"]


class SystemClock:
    """`gateway.Clock` over the machine's clocks."""

    monotonic = staticmethod(time.monotonic)
    """Seconds since the machine started: the same clock in every process."""

    now = staticmethod(partial(datetime.now, UTC))
    """The present, UTC."""

    async def sleep(self, seconds: float) -> None:
        """Return after so many seconds."""
        await asyncio.sleep(seconds)


class SystemEntropy:
    """`gateway.Entropy` over the machine's randomness."""

    def __init__(self) -> None:
        self._process = os.urandom(5).hex()
        self._numbers = itertools.count()

    draw = staticmethod(random.random)
    """A number in [0, 1): spreads traffic; nobody gains by guessing it."""

    def request_id(self) -> str:
        """Milliseconds of the clock, 40 bits of the process, its count: sorts by time, repeats never."""
        ms, number = time.time_ns() // 1_000_000, next(self._numbers) & 0xFFFFFF
        return f"req_{ms.to_bytes(6).hex()}{self._process}{number.to_bytes(3).hex()}"
