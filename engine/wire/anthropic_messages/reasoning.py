"""How much the model should think: `thinking` and `output_config.effort` ↔ `hub.Reasoning`.

Source: platform.claude.com/docs/en/build-with-claude/extended-thinking, …/adaptive-thinking and …/effort, read 2026-11.
"""

from typing import Any, NamedTuple

import msgspec

from engine import hub
from engine.wire.anthropic_messages import PROTOCOL

__all__ = ["Thinks", "read_reasoning", "write_reasoning"]

BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384, "xhigh": 32_768, "max": 65_536}
"""Effort → tokens for thinking, for models that are given a budget. Our own choice: steps up from the API's least, made
for models that may write 64,000 to 128,000 tokens, the answer included."""

LEAST_BUDGET = 1_024
"""The smallest that the API takes."""

EFFORTS = {"minimal": "low"}
"""Efforts that the API has no word for → its nearest word."""


class _Thinking(msgspec.Struct, omit_defaults=True):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class Thinks(NamedTuple):
    """What a request says about thinking, in the API's words."""

    thinking: dict[str, Any] | None = None
    effort: str = ""
    dropped: tuple[str, ...] = ()

    @property
    def is_on(self) -> bool:
        """Whether the model will think, which excludes some other parameters."""
        return self.thinking is not None and self.thinking["type"] != "disabled"


_THINKING: msgspec.json.Decoder[_Thinking | None] = msgspec.json.Decoder(_Thinking | None)


def read_reasoning(thinking: msgspec.Raw, effort: str) -> hub.Reasoning | None:
    """What `thinking` and *effort* ask for; None when neither was said. `adaptive` is thinking without a budget.

    Raises:
        msgspec.DecodeError: `thinking` is not of its shape.
    """
    asked = _THINKING.decode(thinking)
    if asked is None:
        return hub.Reasoning(effort=effort) if effort else None
    return hub.Reasoning(
        effort=effort,
        budget_tokens=asked.budget_tokens,
        enabled=asked.type != "disabled",
        show={"summarized": True, "omitted": False}.get(asked.display or ""),
    )


def write_reasoning(request: hub.Request, *, max_tokens: int, adaptive: bool | None) -> Thinks:
    """What to tell about thinking to a model that has *max_tokens* for thoughts and answer together.

    *adaptive*: True if the model takes an effort and chooses itself how long it thinks, False if it wants a budget.
    None if that is not known: then the request's own form is kept, and an effort from another protocol becomes a
    budget. A budget must stay below *max_tokens*; a larger one is cut to three quarters of that, and thinking is left
    out where this is less than the API takes.
    """
    asked = request.reasoning
    if asked is None:
        return Thinks()
    if asked.enabled is False or asked.effort == "none":
        return Thinks(
            {"type": "disabled"}, effort="" if asked.effort == "none" else EFFORTS.get(asked.effort, asked.effort)
        )
    native = request.origin == PROTOCOL
    if not (asked.enabled or asked.budget_tokens or (asked.effort and not native)):
        return Thinks(effort=asked.effort)
    if adaptive is None:
        adaptive = asked.budget_tokens is None and (native or not asked.effort)
    display = {} if asked.show is None else {"display": "summarized" if asked.show else "omitted"}
    if adaptive:
        effort = asked.effort or _effort(asked.budget_tokens)
        return Thinks({"type": "adaptive", **display}, EFFORTS.get(effort, effort))
    budget = asked.budget_tokens or BUDGETS.get(asked.effort, BUDGETS["medium"])
    if budget >= max_tokens:
        budget = max_tokens * 3 // 4
    if budget < LEAST_BUDGET and not (native and asked.budget_tokens):
        return Thinks(dropped=("reasoning",))
    return Thinks({"type": "enabled", "budget_tokens": budget, **display}, asked.effort if native else "")


def _effort(budget: int | None) -> str:
    """The lowest effort whose budget covers *budget*, else `max`; empty for None."""
    if budget is None:
        return ""
    return next((effort for effort, tokens in BUDGETS.items() if budget <= tokens), "max")
