import subprocess
import sys

import pytest

from engine.errors import ExpressionInvalid, Flaw, Place
from engine.expr.parse import condition

PLACE = Place("routes.yaml", 7, 12)


def flaw(text: str) -> Flaw:
    """The first flaw of *text*."""
    with pytest.raises(ExpressionInvalid) as caught:
        condition(text, PLACE, quirk=False)
    return caught.value.flaws[0]


def test_a_condition_knows_its_text_its_place_and_what_it_reads() -> None:
    """What a decision later says of a rule is all there; names of headers have no case."""
    text = "headers['X-Tier'] == 'gold' and metadata[\"tenant\"] != '' and request.sets('tools') and request.stream"
    read = condition(text, PLACE, quirk=False)
    assert (read.text, read.place) == (text, PLACE)
    assert read.reads == {"headers['x-tier']", "metadata['tenant']", "request.sets('tools')", "request.stream"}


@pytest.mark.parametrize(
    ("text", "offset"),
    [
        ("request.stream and\n  request.modle == 'a'", 21),
        ("consumer.team in ['é', 'b'] and (request.modle == 'a')", 33),
        (r"request.user == 'a\\b\'c' and request.modle == 'a'", 30),
        ("not request.modle == 'a'", 4),
        ("5 < request.input_tokens + request.modle", 27),
    ],
)
def test_a_flaw_is_placed_by_characters(text: str, offset: int) -> None:
    """Line ends, letters beyond ASCII and escaped quotes before it do not shift the place of a flaw."""
    assert flaw(text).offset == offset


@pytest.mark.parametrize(
    "text",
    [
        "(" * 5_000 + "request.stream" + ")" * 5_000,
        "not " * 1_500 + "request.stream",
        "- " * 3_000 + "request.input_tokens > 1",
        " or ".join(["request.stream"] * 500),
        "request.stream == (" * 60 + "request.stream" + ")" * 60,
        "[" * 4_000,
        "request.stream" + " " * 10_000,
        "9" * 5_000 + " < request.input_tokens",
    ],
)
def test_no_text_exhausts_the_reader(text: str) -> None:
    """Depth and length have bounds, and going over them is a flaw like any other."""
    assert flaw(text).slug == "expression-syntax"


def test_the_deepest_conditions_compile() -> None:
    """Whatever is within the bounds of depth, Python's own compiler takes too."""
    deep = "request.max_tokens > 1"
    for _ in range(59):
        deep = f"({deep}) == (request.max_tokens > 1)"
    wide = " or ".join(["request.max_tokens / 3 > 1"] * 60)
    long = f"consumer.team in {[str(n) for n in range(1_000)]}"
    for text in (deep, wide, long):
        assert condition(text, PLACE, quirk=False).text == text


def test_what_a_worker_imports_does_not_bring_the_parser() -> None:
    """Evaluating needs no jinja2, which costs a worker memory and start-up time."""
    code = "import engine.expr, engine.expr.facts, engine.rules.match, sys; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
