"""What a decision costs, in process, on a small and on a big configuration."""

from collections.abc import Iterator

from tests.bench.bench_decide import decided, microseconds, program
from tests.bench.table import Figure

ROUNDS = 3


def figures() -> Iterator[Figure]:
    """A decision among 5 models and 5 routes, and among 5,000 with 1,000 routes."""
    few, many = program(5, 5), program(5_000, 1_000)
    for what, model in (("a model", "org/m4"), ("a weighted virtual model", "split"), ("a rule", "ruled")):
        rounds = [
            (microseconds(lambda: decided(few, model)), microseconds(lambda: decided(many, model)))  # noqa: B023 - called at once
            for _ in range(ROUNDS)
        ]
        yield Figure(
            name=f"decision, {what}: 5 models, 5 routes", unit="µs", values=[small_us for small_us, _ in rounds]
        )
        yield Figure(
            name=f"decision, {what}: more with 5,000 and 1,000",
            unit="µs",
            values=[big_us - small_us for small_us, big_us in rounds],
            must=15,
            aim=1,
        )
