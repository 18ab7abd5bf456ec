"""The last changes to a request for a provider of Gemini's models, made once it is known for which model it is."""

from collections.abc import Callable
from typing import Any

import msgspec

from engine.wire.gemini.signature import MARK
from engine.wire.gemini.spelling import camel, camelled
from engine.wire.json_edit import Fields

__all__ = ["finish"]

BUDGETS = {"MINIMAL": 1_024, "LOW": 1_024, "MEDIUM": 8_192, "HIGH": 24_576}
"""Level of thinking → tokens, for models that know only budgets.

Source: https://ai.google.dev/gemini-api/docs/openai#thinking, the table for Gemini 2.5, read 2026-11.
"""

BEFORE_LEVELS = ("gemini-1", "gemini-2")
"""Models that refuse `thinkingLevel`. Source: https://ai.google.dev/gemini-api/docs/thinking, read 2026-11."""

SIGNATURES = ("thoughtSignature", "thought_signature")

_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:  # noqa: ARG001 - every protocol's `finish` has both
    """The body that goes to a provider: *fields* without the model, which the path names. Usage comes unasked.

    The caller's bytes are kept, except for what the provider would refuse: other protocols' signatures, and levels of
    thinking if *model* knows only budgets.
    """
    sent: dict[str, msgspec.Raw] = {name: raw for name, raw in fields.items() if name != "model"}
    contents = sent.get("contents")
    if contents is not None and MARK.encode() in bytes(contents):
        sent["contents"] = _edited(contents, _unmarked)
    if model.rpartition("/")[2].startswith(BEFORE_LEVELS):
        for name, raw in fields.items():
            if camel(name) == "generationConfig" and b"evel" in bytes(raw):
                sent[name] = _edited(raw, _with_budget)
    return _ENCODER.encode(sent)


def _edited(raw: msgspec.Raw, edit: Callable[[Any], Any]) -> msgspec.Raw:
    """*raw* after *edit*; unchanged if it cannot be read, which the provider will then say."""
    try:
        return msgspec.Raw(_ENCODER.encode(edit(_VALUE.decode(raw))))
    except (msgspec.DecodeError, RecursionError):
        return raw


def _unmarked(value: Any) -> Any:
    """*value* without wrapped signatures of other protocols."""
    if isinstance(value, list):
        return [_unmarked(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {name: _unmarked(each) for name, each in value.items() if not _is_marked(name, each)}


def _is_marked(name: str, value: object) -> bool:
    return name in SIGNATURES and isinstance(value, str) and value.startswith(MARK)


def _with_budget(config: Any) -> Any:
    """A `generationConfig` with its level of thinking turned into a budget; a budget that is there already stays."""
    config = camelled(config)
    thinking = config.get("thinkingConfig") if isinstance(config, dict) else None
    if not isinstance(thinking, dict):
        return config
    level = thinking.get("thinkingLevel")
    if not isinstance(level, str) or level.upper() not in BUDGETS:
        return config
    budget = {"thinkingBudget": BUDGETS[level.upper()], **thinking}
    del budget["thinkingLevel"]
    return {**config, "thinkingConfig": budget}
