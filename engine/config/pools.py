"""Where targets stand: the one place that knows how a pool, or the short form of one, is written."""

from collections.abc import Iterator

from engine.config.placed import Placed

__all__ = ["lists", "named", "target_names"]


def named(target: Placed) -> Placed:
    """The name of a target, which is written alone or under `model`, beside its weight."""
    return target["model"] if isinstance(target.value, dict) else target


def lists(pool: Placed) -> Iterator[tuple[Placed, ...]]:
    """Every list of targets of a pool: `targets`, `fallback`, and one for each kind under `fallback_for`.

    A rule's `to` may be a name alone: a pool of this one target.
    """
    if not isinstance(pool.value, dict):
        yield (pool,)
        return
    yield tuple(pool["targets"].each())
    yield tuple(pool["fallback"].each())
    for targets in pool["fallback_for"].values():
        yield tuple(targets.each())


def target_names(pool: Placed) -> Iterator[Placed]:
    """The name of every target of a pool, in all its lists."""
    return (named(target) for targets in lists(pool) for target in targets)
