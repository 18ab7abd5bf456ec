"""What only some models behind Converse understand, and each maker's models in another way: reasoning and `top_k`.

They travel in `additionalModelRequestFields`, which Bedrock hands to the model unread.
"""

import re
from typing import Any, TypeVar

import msgspec

from engine import hub

T = TypeVar("T")

__all__ = ["Maker", "maker_of", "read_additional", "write_reasoning", "write_top_k"]

Maker = str
"""`anthropic`, `nova`, `openai`, `qwen`, `mistral`, another word of the id, or empty where the name does not say."""

_NOVA = "nova"
_KNOWN = ("anthropic", _NOVA, "openai", "qwen", "mistral", "meta", "cohere", "ai21", "deepseek", "titan", "writer")

_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")

FIRST_THINKING = (3, 7)
FIRST_ADAPTIVE = (4, 6)
"""From here on a Claude model decides itself how long it thinks, and takes an effort."""
LAST_BUDGET = (4, 6)
"""Later ones refuse a budget.

Source: Anthropic's documentation, "Adaptive thinking", and Bedrock's user guide of the same name, 2026-11.
"""
NEWEST = (99, 0)
"""What a model is taken for whose name has no version."""

LEAST_BUDGET_TOKENS = 1024
"""Source: Anthropic's documentation, "Extended thinking", 2026-11."""

_BUDGETS = {"minimal": 1024, "low": 2048, "medium": 4096, "high": 16_384, "xhigh": 32_768, "max": 32_768}
"""Tokens for an effort, for Claude models that know only budgets; our own choice."""

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""For models with three efforts."""


def maker_of(model: str) -> Maker:
    """Whose model it is, by Bedrock's id, an ARN, or a canonical `anthropic/claude-…`; empty if it is not said."""
    name = model.lower()
    if "claude" in name:
        return "anthropic"
    return next((maker for maker in _KNOWN if maker in name), "")


def write_top_k(top_k: int, maker: Maker) -> dict[str, Any] | None:
    """The additional fields for it; None where the maker's models take none, or it is not known whose the model is.

    Source: Bedrock's user guide, "Inference request parameters", and Amazon Nova's, "Complete request schema", 2026-11.
    """
    if maker in {"anthropic", "mistral"}:
        return {"top_k": top_k}
    return {"inferenceConfig": {"topK": top_k}} if maker == _NOVA else None


def write_reasoning(asked: hub.Reasoning, maker: Maker, model: str, max_tokens: int | None) -> dict[str, Any] | None:
    """The additional fields for it; None where the maker's models cannot be told.

    Source: Bedrock's user guide, "Extended thinking", and Amazon Nova's, "Extended thinking", 2026-11; of gpt-oss and
    Qwen recorded traffic.
    """
    effort = asked.effort
    off = asked.enabled is False or effort == "none"
    if maker == "anthropic":
        return {"thinking": {"type": "disabled"}} if off else _claude(asked, _version(model), max_tokens)
    if maker == _NOVA:
        level = {} if off else {"maxReasoningEffort": _EFFORTS.get(effort, "medium")}
        return {"reasoningConfig": {"type": "disabled" if off else "enabled"} | level}
    if maker in {"openai", "qwen"} and effort in _EFFORTS:
        return {"reasoning_effort" if maker == "openai" else "reasoning_config": _EFFORTS[effort]}
    return None


def _version(model: str) -> tuple[int, int]:
    found = _CLAUDE.search(model.lower())
    return (int(found[1]), int(found[2] or 0)) if found else NEWEST


def _claude(asked: hub.Reasoning, version: tuple[int, int], max_tokens: int | None) -> dict[str, Any] | None:
    budget = asked.budget_tokens
    by_budget = budget is not None and (version <= LAST_BUDGET or (version == NEWEST and not asked.effort))
    if version >= FIRST_ADAPTIVE and not by_budget:
        return _adaptive(asked)
    if version < FIRST_THINKING:
        return None
    if budget is None:
        budget = _BUDGETS.get(asked.effort or "medium", _BUDGETS["medium"])
        if max_tokens is not None:  # the budget is part of the answer's bound, and must leave some of it
            budget = min(budget, max_tokens - 1)
        if budget < LEAST_BUDGET_TOKENS:
            return None
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def _adaptive(asked: hub.Reasoning) -> dict[str, Any]:
    thinking = {"type": "adaptive"}
    if asked.show is not None:
        thinking["display"] = "summarized" if asked.show else "omitted"
    effort = "low" if asked.effort == "minimal" else asked.effort
    return {"thinking": thinking} | ({"output_config": {"effort": effort}} if effort else {})


class _Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _OutputConfig(msgspec.Struct, forbid_unknown_fields=True):
    effort: str = ""


def read_additional(
    fields: dict[str, msgspec.Raw],
) -> tuple[hub.Reasoning | None, int | None, dict[str, msgspec.Raw]]:
    """Reasoning and `top_k` as Anthropic's models are told, and the additional fields that say something else."""
    rest = dict(fields)
    thinking = _read(rest, "thinking", _Thinking)
    top_k = _read(rest, "top_k", int)
    if thinking is None:
        return None, top_k, rest
    config = _read(rest, "output_config", _OutputConfig)
    reasoning = hub.Reasoning(
        effort=config.effort if config else "",
        budget_tokens=thinking.budget_tokens,
        enabled=thinking.type != "disabled",
        show=thinking.display != "omitted" if thinking.display else None,
    )
    return reasoning, top_k, rest


def _read(fields: dict[str, msgspec.Raw], name: str, type_: type[T]) -> T | None:
    """The field, taken out; None, and left in, where it says more than *type_* can."""
    if name not in fields:
        return None
    try:
        value = msgspec.json.decode(fields[name], type=type_)
    except msgspec.ValidationError:
        return None
    del fields[name]
    return value
