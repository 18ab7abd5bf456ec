import marshal
import pickle
from datetime import UTC, datetime
from io import BytesIO
from types import CodeType

import pytest

from engine.errors import Place
from engine.expr.parse import condition
from engine.rules.program import Caller
from engine.values import Facts

AT = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
REQUEST = Facts(
    model="qwen/qwen-3-32b",
    at=AT,
    input_tokens=60_000,
    has_files=True,
    ip="10.1.2.3",
    headers={"x-tier": "gold"},
    metadata={"tenant": "acme"},
)
SUPPORT = Caller(id="support-bot", team="support", roles=frozenset({"developer"}))


class Pickler(pickle.Pickler):
    """Writes code objects as the snapshot does."""

    dispatch_table = {CodeType: lambda code: (marshal.loads, (marshal.dumps(code),))}  # noqa: RUF012 - as pickle wants it


def holds(text: str, facts: Facts = REQUEST) -> bool:
    read = condition(text, Place("routes.yaml", 1), quirk=False)
    return read(facts, SUPPORT, {"tools", "reasoning.effort"}.__contains__)


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("request.model is matching('qwen-?3')", True),
        ("request.model is matching('^32b')", False),
        ("request.model is not matching('gpt')", True),
        (r"request.model is matching('\bqwen\b.*\d$')", False),
        (r"request.model is matching('\bqwen\b.*\d[b]$')", True),
        ("request.ip is within('10.0.0.0/8')", True),
        ("request.ip is within('2001:db8::/32')", False),
        ("metadata['client'] is within('10.0.0.0/8')", False),
        ("consumer.team == 'support'", True),
        ("consumer.team in ['health', 'support']", True),
        ("consumer.team not in ('health', 'support')", False),
        ("'developer' in consumer.roles", True),
        ("consumer.team in consumer.roles", False),
        ("'qwen' in request.model", True),
        ("request.input_tokens > 59999 or request.stream", True),
        ("request.stream or not request.has_files", False),
        ("request.stream and request.stream or request.has_files", True),
        ("request.stream and (request.stream or request.has_files)", False),
        ("request.stream == false", True),
        ("9 <= time.hour < 17", True),
        ("9 < time.hour < 17", False),
        ("time.weekday == 'monday'", True),
        ("time.date >= '2026-11-23' and '2026-11-24' > time.date", True),
        ("headers['X-Tier'] == 'gold'", True),
        ("headers['x-other'] == ''", True),
        ("metadata['tenant'] == \"acme\"", True),
        ("request.sets('tools') and request.sets('reasoning.effort')", True),
        ("request.sets('seed')", False),
        ("request.input_tokens / 8 == 7500", True),
        ("request.input_tokens / 7 == 60000 / 7", True),
        ("request.input_tokens // 7 == 8571 and request.input_tokens % 7 == 3", True),
        ("request.input_tokens * 1.5 == 90000", True),
        ("request.input_tokens * 0.1 == 6000", True),
        ("request.input_tokens - -1 == +60001", True),
        ("-request.input_tokens < 0", True),
        ("1 + 2 * 3 == 7 - request.input_tokens * 0", True),
    ],
)
def test_conditions_mean_what_they_say(text: str, answer: bool) -> None:
    """Each construct of the grammar, on one request."""
    assert holds(text) is answer


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("request.max_tokens > 5", False),
        ("request.max_tokens <= 5", False),
        ("not request.max_tokens > 5", True),
        ("5 < request.max_tokens + 1", False),
        ("request.max_tokens == 0", False),
        ("request.max_tokens != 0", True),
        ("request.max_tokens in [0, 1]", False),
        ("request.max_tokens not in [0, 1]", True),
        ("request.max_tokens == request.max_tokens", False),
        ("1 < request.max_tokens != 3", False),
    ],
)
def test_what_is_absent_has_no_order_and_equals_nothing(text: str, answer: bool) -> None:
    """There is no null: a comparison with an absent number is false, and asking for a difference is true."""
    assert holds(text) is answer


def test_huge_numbers_are_exact() -> None:
    """Arithmetic goes through no float, which would overflow."""
    facts = Facts(model="m", at=AT, max_tokens=10**400)
    assert holds("request.max_tokens / 3 * 1.5 > request.input_tokens", facts)


@pytest.mark.parametrize("text", ["consumer.team == 'support'", "request.ip is within('10.0.0.0/8')"])
def test_a_condition_travels_between_processes(text: str) -> None:
    """A dumped condition evaluates as before: its code is in it, nothing is parsed again."""
    read = condition(f"{text} and request.model is matching('qwen') and 1.5 < time.hour", Place("a", 1), quirk=False)
    buffer = BytesIO()
    Pickler(buffer).dump(read)
    copy = pickle.loads(buffer.getvalue())
    assert (copy.text, copy.place, copy.reads) == (read.text, read.place, read.reads)
    assert copy(REQUEST, SUPPORT, bool) is True
