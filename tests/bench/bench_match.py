"""What looking a name up among rules costs, for rising numbers of rules: `python tests/bench/bench_match.py`.

Half of the rules are exact names, the others patterns with a literal beginning or end; the name is matched by one rule
of each kind. The figure should not grow.
"""

import sys
from timeit import repeat

from engine.rules.match import Globs, RuleIndex

SIZES = (10, 100, 1_000, 10_000)
CALLS = 20_000
ROUNDS = 5


def rules(count: int) -> tuple[Globs, ...]:
    """*count* rules of four shapes."""
    shapes = ("org{}/model", "team-{}", "org{}/*", "*-v{}")
    return tuple(Globs((shapes[n % 4].format(n // 4),)) for n in range(count))


def candidates_us(count: int) -> float:
    """Microseconds for one look-up among *count* rules, the best of some rounds."""
    index = RuleIndex(rules(count))
    return min(repeat(lambda: index.candidates("org0/model-v1"), number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


if __name__ == "__main__":
    for size in SIZES:
        sys.stdout.write(f"candidates among {size:>6} rules  {candidates_us(size):6.2f} us\n")
