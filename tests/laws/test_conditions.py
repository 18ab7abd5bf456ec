"""Conditions are total: what is accepted answers true or false on every request, and what is not is a flaw."""

from datetime import UTC
from types import SimpleNamespace

from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ExpressionInvalid, Flaw, Place
from engine.expr.facts import QUIRK_TABLE, Kind
from engine.expr.parse import condition
from engine.rules.program import Caller
from engine.values import Facts

TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=8) | st.sampled_from(["10.0.0.1", "::1", "qwen"])
NUMBER = st.integers(-(10**12), 10**12) | st.integers(10**300, 10**400)
KEYS = st.dictionaries(st.sampled_from(["x-tier", "tenant"]), TEXT)
FACTS = st.builds(
    Facts,
    model=TEXT,
    at=st.datetimes(timezones=st.just(UTC)),
    input_tokens=NUMBER,
    max_tokens=st.none() | NUMBER,
    user=TEXT,
    ip=TEXT,
    headers=KEYS,
    metadata=KEYS,
)
CALLERS = st.tuples(TEXT, TEXT, st.frozensets(TEXT), st.booleans()).map(
    lambda said: Caller(id=said[0], team=said[1], roles=said[2], anonymous=said[3])
)
OFFERS = st.builds(
    SimpleNamespace,
    upstream_model=TEXT,
    provider=st.builds(SimpleNamespace, id=TEXT),
    model=TEXT,
    features=st.frozensets(TEXT),
)


def named(kind: Kind) -> st.SearchStrategy[str]:
    return st.sampled_from([fact.name for fact in QUIRK_TABLE.values() if fact.kind is kind])


def joined(*parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(*parts).map(" ".join)


CONSTANT = st.integers(0, 10**12 - 1).map(str) | st.sampled_from(["0.5", "1.25", "0.000001"])
QUOTED = st.text(alphabet="ab1.-*(/\\' é", max_size=6).map(lambda text: "'" + text.replace("'", "\\'") + "'")
NUMBERS = st.recursive(
    CONSTANT | named(Kind.NUMBER),
    lambda part: (
        joined(st.just("("), part, st.sampled_from(["+", "-", "*", "/", "//", "%"]), part, st.just(")"))
        | part.map("-{}".format)
    ),
    max_leaves=6,
)
TEXTS = QUOTED | named(Kind.TEXT) | st.sampled_from(["headers['X-Tier']", 'metadata["tenant"]'])
ORDER = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
FLAGS = st.one_of(
    named(Kind.FLAG),
    joined(NUMBERS, ORDER, NUMBERS),
    joined(NUMBERS, ORDER, NUMBERS, ORDER, NUMBERS),
    joined(NUMBERS, st.sampled_from(["in", "not in"]), st.lists(CONSTANT, max_size=3).map("[{}]".format)),
    joined(TEXTS, st.sampled_from(["==", "!="]), TEXTS),
    joined(TEXTS, st.sampled_from(["in", "not in"]), st.lists(QUOTED, max_size=3).map(", ".join).map("[{}]".format)),
    joined(TEXTS, st.just("in"), named(Kind.TEXTS) | named(Kind.TEXT)),
    joined(TEXTS, st.sampled_from(["is matching", "is not matching"]), QUOTED.map("({})".format)),
    joined(TEXTS, st.sampled_from(["is within('10.0.0.0/8')", "is within('::/0')"])),
    joined(st.just("time.date"), ORDER, st.dates().map("'{}'".format)),
    QUOTED.map("request.sets({})".format),
)
CONDITIONS = st.recursive(
    FLAGS,
    lambda part: (
        joined(st.just("("), part, st.sampled_from(["and", "or", "=="]), part, st.just(")"))
        | part.map("not ({})".format)
    ),
    max_leaves=5,
)


@given(CONDITIONS, FACTS, CALLERS, OFFERS)
def test_an_accepted_condition_answers_on_every_request(
    text: str, facts: Facts, caller: Caller, offer: SimpleNamespace
) -> None:
    """Absent, huge and odd values make a condition true or false, never an error."""
    try:
        read = condition(text, Place("routes.yaml", 1), quirk=True)
    except ExpressionInvalid:
        return
    assert read(facts, caller, {"a"}.__contains__, offer) in {True, False}


PIECES = [
    *"()[]{}<>=!+-*/%~|.,:'\"\\ 1",
    *(f" {word} " for word in ("and", "or", "not", "in", "is", "if", "else", "none", "matching")),
    *("}}", "{%", "request.model", "request.sets", "headers", "time.date", "'a'"),
]
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=40)


def flaws(text: str) -> tuple[Flaw, ...]:
    """What is wrong with *text*, and nothing where it is a condition."""
    try:
        condition(text, Place("routes.yaml", 1), quirk=False)
    except ExpressionInvalid as exc:
        return exc.flaws
    return ()


@given(ANY_TEXT | st.lists(st.sampled_from(PIECES)).map("".join))
def test_any_text_is_a_condition_or_a_flaw(text: str) -> None:
    """However it is broken, what a person writes comes back with a message and a place within the text."""
    assert all(flaw.message and 0 <= flaw.offset <= len(text) for flaw in flaws(text))
