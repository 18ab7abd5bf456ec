"""A deadline comes once, at the time that it was last moved to."""

import asyncio

from engine.server.deadline import Deadline

STEP_S = 0.05


async def calls(*moves_s: float, for_s: float = 10 * STEP_S) -> list[float]:
    """When it came, in seconds from the start, if it is moved every `STEP_S`."""
    loop = asyncio.get_running_loop()
    started_s, came_s = loop.time(), list[float]()
    deadline = Deadline(loop, lambda: came_s.append(loop.time() - started_s))
    for seconds in moves_s:
        deadline.move(seconds)
        await asyncio.sleep(STEP_S)
    await asyncio.sleep(started_s + for_s - loop.time())
    deadline.cancel()
    return came_s


async def test_it_comes_once() -> None:
    """After its time, and not again."""
    [came_s] = await calls(STEP_S / 2)

    assert came_s >= STEP_S / 2 * 0.99


async def test_it_moves_away() -> None:
    """Each move counts from when it is made; those before are forgotten."""
    [came_s] = await calls(5 * STEP_S, 5 * STEP_S, 5 * STEP_S)

    assert came_s >= 7 * STEP_S * 0.99  # two steps and the last move; clocks of loops are rounded


async def test_it_moves_closer() -> None:
    """A move to an earlier time counts as well."""
    [came_s] = await calls(100, STEP_S)

    assert came_s >= 2 * STEP_S * 0.99


async def test_it_may_come_again() -> None:
    """A move after it has come sets it anew."""
    assert len(await calls(STEP_S / 2, STEP_S / 2)) == 2


async def test_it_is_cancelled() -> None:
    """Then it does not come."""
    came: list[bool] = []
    deadline = Deadline(asyncio.get_running_loop(), lambda: came.append(True))
    deadline.move(STEP_S)
    deadline.cancel()
    await asyncio.sleep(2 * STEP_S)

    assert came == []
