"""Reasoning and `top_k`, which only some models behind Converse understand, those of each maker in its own way.

They go in `additionalModelRequestFields`, which Bedrock hands to the model unread.
"""

import re
from typing import Any, TypeVar

import msgspec

from engine import hub
from engine.wire.anthropic_messages import reasoning as anthropic
from engine.wire.bedrock import PROTOCOL

__all__ = ["ANTHROPIC", "Maker", "maker_of", "read_additional", "write_reasoning", "write_top_k"]

T = TypeVar("T")

Maker = str
"""`anthropic`, `nova`, `openai`, `qwen`, `mistral`, another maker's word in the id; empty where the name has none."""

ANTHROPIC = "anthropic"
_KNOWN = (ANTHROPIC, "nova", "openai", "qwen", "mistral", "meta", "cohere", "ai21", "deepseek", "titan", "writer")

_CLAUDE = re.compile(r"claude-(?:[a-z]+-)?(\d+)(?:[-.](\d{1,2})(?!\d))?")

FIRST_THINKING = (3, 7)
FIRST_ADAPTIVE = (4, 6)
"""From this version on, a Claude model decides itself how long it thinks and takes an effort; this one also a budget.

Source: Anthropic's documentation, "Adaptive thinking", and Bedrock's user guide of the same name, 2026-11.
"""

MOST_CLAUDE_TOKENS = 64_000
"""The most that the smallest of the thinking Claude models writes; assumed where the caller sets no bound."""

_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high", "xhigh": "high", "max": "high"}
"""For models with three efforts."""


def maker_of(model: str) -> Maker:
    """Whose model it is, from Bedrock's id, an ARN or a canonical `anthropic/claude-…`; empty if they do not say."""
    name = model.lower()
    if "claude" in name:
        return ANTHROPIC
    return next((maker for maker in _KNOWN if maker in name), "")


def write_top_k(top_k: int, maker: Maker) -> dict[str, Any] | None:
    """The additional fields for `top_k`; None where the maker's models take none, or the maker is unknown.

    Source: Bedrock's user guide, "Inference request parameters", and Amazon Nova's, "Complete request schema", 2026-11.
    """
    if maker in {ANTHROPIC, "mistral"}:
        return {"top_k": top_k}
    return {"inferenceConfig": {"topK": top_k}} if maker == "nova" else None


def write_reasoning(request: hub.Request, maker: Maker, *, adaptive: bool | None) -> dict[str, Any] | None:
    """The additional fields for reasoning, empty where none is asked for; None where the model cannot be told.

    *adaptive*, for Claude: as in `anthropic_messages.request.encode_request`; None leaves it to the model's name.

    Source: Bedrock's user guide, "Extended thinking", and Amazon Nova's, "Extended thinking", 2026-11; for gpt-oss and
    Qwen, recorded traffic.
    """
    asked = request.reasoning
    if asked is None:
        return {}
    if maker == ANTHROPIC:
        return _claude(request, asked, adaptive)
    off = asked.enabled is False or asked.effort == "none"
    if maker == "nova":
        level = {} if off else {"maxReasoningEffort": _EFFORTS.get(asked.effort, "medium")}
        return {"reasoningConfig": {"type": "disabled" if off else "enabled"} | level}
    if maker in {"openai", "qwen"} and asked.effort in _EFFORTS:
        return {"reasoning_effort" if maker == "openai" else "reasoning_config": _EFFORTS[asked.effort]}
    return None


def _claude(request: hub.Request, asked: hub.Reasoning, adaptive: bool | None) -> dict[str, Any] | None:
    found = _CLAUDE.search(request.model.lower())
    version = (int(found[1]), int(found[2] or 0)) if found else None
    if version and version < FIRST_THINKING:
        return None
    if adaptive is None and (version or request.origin == PROTOCOL):
        either = version in {None, FIRST_ADAPTIVE}
        adaptive = asked.budget_tokens is None if either else version is not None and version > FIRST_ADAPTIVE
    bound = MOST_CLAUDE_TOKENS if request.max_tokens is None else request.max_tokens
    thinks = anthropic.write_reasoning(request, max_tokens=bound, adaptive=adaptive)
    if thinks.dropped:
        return None
    fields: dict[str, Any] = {"thinking": thinks.thinking} if thinks.thinking else {}
    return fields | ({"output_config": {"effort": thinks.effort}} if thinks.effort else {})


class _Thinking(msgspec.Struct, forbid_unknown_fields=True):
    type: str
    budget_tokens: int | None = None
    display: str | None = None


class _OutputConfig(msgspec.Struct, forbid_unknown_fields=True):
    effort: str = ""


def read_additional(
    fields: dict[str, msgspec.Raw],
) -> tuple[hub.Reasoning | None, int | None, dict[str, msgspec.Raw]]:
    """Reasoning and `top_k`, read as Anthropic's models take them, and the additional fields that are left."""
    rest = dict(fields)
    thinking = _read(rest, "thinking", _Thinking)
    top_k = _read(rest, "top_k", int)
    if thinking is None:
        return None, top_k, rest
    config = _read(rest, "output_config", _OutputConfig) if thinking.type == "adaptive" else None
    reasoning = hub.Reasoning(
        effort=config.effort if config else "",
        budget_tokens=thinking.budget_tokens,
        enabled=thinking.type != "disabled",
        show=thinking.display != "omitted" if thinking.display else None,
    )
    return reasoning, top_k, rest


def _read(fields: dict[str, msgspec.Raw], name: str, type_: type[T]) -> T | None:
    """The field, taken out of *fields*; None, and left in, if it says more than *type_* can hold."""
    if name not in fields:
        return None
    try:
        value = msgspec.json.decode(fields[name], type=type_)
    except msgspec.ValidationError:
        return None
    del fields[name]
    return value
