"""What a compiled condition costs: `python tests/bench/bench_condition.py`. The aim is about a microsecond."""

import sys
from datetime import UTC, datetime
from timeit import repeat

from engine.errors import Place
from engine.expr.parse import condition
from engine.rules.program import Caller
from engine.values import Facts

FACTS = Facts(model="qwen/qwen-3-32b", at=datetime(2026, 11, 23, tzinfo=UTC), input_tokens=1_000, ip="10.1.2.3")
CALLER = Caller(id="support-bot", team="support")
TEXTS = (
    "consumer.team == 'health'",
    "request.input_tokens > 60000 or request.has_files",
    "request.max_tokens > 4096 and consumer.team in ['health', 'support']",
    "headers['x-tier'] == 'gold' and 9 <= time.hour < 17",
    "request.model is matching('qwen-?3')",
    "request.ip is within('10.0.0.0/8')",
    "time.date >= '2026-12-01'",
)
CALLS = 50_000
ROUNDS = 5


def evaluation_us(text: str) -> float:
    """Microseconds for one evaluation of *text*, the best of some rounds."""
    compiled = condition(text, Place("bench", 1), quirk=False)
    return min(repeat(lambda: compiled(FACTS, CALLER, bool), number=CALLS, repeat=ROUNDS)) / CALLS * 1e6


if __name__ == "__main__":
    for written in TEXTS:
        sys.stdout.write(f"{evaluation_us(written):6.2f} us  {written}\n")
