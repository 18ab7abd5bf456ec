from fractions import Fraction

from engine.errors import Place
from engine.expr.condition import Condition
from engine.expr.network import Network
from engine.expr.parse import condition
from engine.expr.regex import Regex


def emitted(text: str) -> Condition:
    return condition(text, Place("routes.yaml", 1), quirk=False)


def test_the_code_reaches_nothing_but_its_arguments() -> None:
    """The only names in it are the attributes that it reads: no builtins, no modules."""
    read = emitted("request.stream and headers['a'] != '' and request.input_tokens > 5 and request.sets('b')")
    assert set(read.code.co_names) == {"stream", "headers", "get", "input_tokens"}


def test_what_can_be_prepared_is_prepared() -> None:
    """Lists are frozen sets within the code; patterns, networks and fractions are ready beside it."""
    read = emitted(
        "consumer.team in ['a', 'b'] and request.ip is within('::/0') and request.model is matching('a') and "
        "request.input_tokens / 3 > 1.5"
    )
    assert frozenset({"a", "b"}) in read.code.co_consts
    assert set(read.constants) == {Network("::/0"), Regex("a"), Fraction(1, 3), Fraction(3, 2)}


def test_texts_of_a_condition_are_never_read_as_code() -> None:
    """A quote within a text, of either kind, stays within it."""
    read = emitted("""request.sets("a' + f.user + '") or request.sets('"') or headers["'"] == '\\'"\\\\'""")
    assert read.reads == {"request.sets(\"a' + f.user + '\")", "request.sets('\"')", 'headers["\'"]'}
    assert set(read.code.co_names) == {"headers", "get"}
