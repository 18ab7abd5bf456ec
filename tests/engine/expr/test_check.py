from collections.abc import Callable
from pathlib import Path

import pytest

from engine.errors import ExpressionInvalid, Place
from engine.expr.parse import condition

HERE = Path(__file__).parent
REFUSED = (HERE / "refused.txt").read_text(encoding="utf-8").splitlines()


def reported(text: str) -> str:
    """*text* with a line for each flaw, marked where it is."""
    try:
        condition(text, Place("routes.yaml", 1), quirk=False)
    except ExpressionInvalid as exc:
        flaws = [f"{' ' * flaw.offset}^ {flaw.slug}: {flaw.message}; {flaw.hint}".rstrip("; ") for flaw in exc.flaws]
        return "\n".join([text, *flaws])
    return f"{text}\naccepted"


def test_every_mistake_is_told_at_its_place_and_with_a_way_out(golden: Callable[[Path, str], None]) -> None:
    """The whole wording of every refusal is kept, so that a change of it is seen in review."""
    golden(HERE / "refused.golden.txt", "\n\n".join(map(reported, REFUSED)) + "\n")


@pytest.mark.parametrize("text", REFUSED)
def test_nothing_on_the_list_of_mistakes_is_accepted(text: str) -> None:
    """What cannot be meant never becomes a condition."""
    with pytest.raises(ExpressionInvalid):
        condition(text, Place("routes.yaml", 1), quirk=False)


def test_all_flaws_are_told_at_once_and_each_once() -> None:
    """One round of mending is enough: parts are checked on their own, and a list repeats no problem of its subject."""
    text = "request.modle in ['a', 'b'] and consumer.tem == 'x' and request.stream == 1"
    with pytest.raises(ExpressionInvalid) as caught:
        condition(text, Place("routes.yaml", 1), quirk=False)
    assert [flaw.offset for flaw in caught.value.flaws] == [0, 32, 56]


def test_facts_of_quirks_are_known_in_quirks_only() -> None:
    """A rule is decided before an upstream is known, so it cannot ask about it."""
    text = "upstream.model is matching('qwen-?3') and 'tools' in model.features"
    assert condition(text, Place("providers.d/x.yaml", 1), quirk=True).reads == {"upstream.model", "model.features"}
    with pytest.raises(ExpressionInvalid) as caught:
        condition(text, Place("routes.yaml", 1), quirk=False)
    assert [(flaw.message, flaw.hint) for flaw in caught.value.flaws] == [
        ("unknown fact 'upstream.model'", "only quirks know it"),
        ("unknown fact 'model.features'", "only quirks know it"),
    ]
