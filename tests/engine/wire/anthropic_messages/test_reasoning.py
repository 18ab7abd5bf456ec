from typing import Any

import msgspec
import pytest

from engine.hub import Message, Reasoning, Request, Role, Text
from engine.wire.anthropic_messages.reasoning import BUDGETS, LEAST_BUDGET, Thinks, read_reasoning, write_reasoning

HI = (Message(role=Role.USER, parts=(Text(text="hi"),)),)


def wrote(
    asked: Reasoning | None, *, origin: str = "openai-chat", max_tokens: int = 128_000, adaptive: bool | None = None
) -> Thinks:
    request = Request(model="m", messages=HI, reasoning=asked, origin=origin)
    return write_reasoning(request, max_tokens=max_tokens, adaptive=adaptive)


@pytest.mark.parametrize(
    ("thinking", "effort", "reasoning"),
    [
        (None, "", None),
        (None, "high", Reasoning(effort="high")),
        ({"type": "enabled", "budget_tokens": 2000}, "", Reasoning(enabled=True, budget_tokens=2000)),
        ({"type": "adaptive"}, "max", Reasoning(enabled=True, effort="max")),
        ({"type": "adaptive", "display": "omitted"}, "", Reasoning(enabled=True, show=False)),
        (
            {"type": "enabled", "budget_tokens": 2000, "display": "summarized"},
            "",
            Reasoning(enabled=True, budget_tokens=2000, show=True),
        ),
        ({"type": "disabled"}, "", Reasoning(enabled=False)),
        ({"type": "disabled"}, "low", Reasoning(enabled=False, effort="low")),
    ],
)
def test_what_callers_ask_comes_back(thinking: Any, effort: str, reasoning: Reasoning | None) -> None:
    """Each form of thinking, with effort and display, is read, and written in the same form."""
    assert read_reasoning(msgspec.Raw(msgspec.json.encode(thinking)), effort) == reasoning
    said = wrote(reasoning, origin="anthropic")
    assert (said.thinking, said.effort) == (thinking, effort)


@pytest.mark.parametrize("effort", sorted(BUDGETS))
def test_efforts_become_budgets(effort: str) -> None:
    """Another protocol's effort is a budget from the table, where the model is not known to take efforts."""
    assert wrote(Reasoning(effort=effort)) == Thinks({"type": "enabled", "budget_tokens": BUDGETS[effort]})


def test_efforts_stay_efforts() -> None:
    """A model that thinks as long as it likes is told the effort, in a word that it has."""
    assert wrote(Reasoning(effort="high"), adaptive=True) == Thinks({"type": "adaptive"}, "high")
    assert wrote(Reasoning(effort="minimal", show=True), adaptive=True) == Thinks(
        {"type": "adaptive", "display": "summarized"}, "low"
    )
    assert wrote(Reasoning(budget_tokens=5000), adaptive=True) == Thinks({"type": "adaptive"}, "medium")
    assert wrote(Reasoning(budget_tokens=500_000), adaptive=True) == Thinks({"type": "adaptive"}, "max")


def test_no_thinking() -> None:
    """An effort of `none` switches thinking off, and so does saying it."""
    assert wrote(Reasoning(effort="none")) == Thinks({"type": "disabled"})
    assert wrote(Reasoning(enabled=False)) == Thinks({"type": "disabled"})
    assert wrote(None) == Thinks()
    assert not wrote(Reasoning(enabled=False)).is_on


def test_a_wish_without_measure() -> None:
    """Thinking that is only switched on is adaptive, or of medium budget where a budget is wanted."""
    assert wrote(Reasoning(enabled=True)) == Thinks({"type": "adaptive"})
    assert wrote(Reasoning(enabled=True), adaptive=False) == Thinks(
        {"type": "enabled", "budget_tokens": BUDGETS["medium"]}
    )


@pytest.mark.parametrize("max_tokens", [1, 1024, 1366, 2000, 4096, 16_384, 64_000])
def test_a_budget_leaves_room_for_the_answer(max_tokens: int) -> None:
    """A budget stays below `max_tokens` and above what the API takes; else thinking is left out, and said to be."""
    said = wrote(Reasoning(effort="high"), max_tokens=max_tokens)
    if said.thinking is None:
        assert max_tokens * 3 // 4 < LEAST_BUDGET
        assert said.dropped == ("reasoning",)
    else:
        assert LEAST_BUDGET <= said.thinking["budget_tokens"] < max_tokens
