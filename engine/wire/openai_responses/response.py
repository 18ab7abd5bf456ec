"""The `response` object around an answer: what it repeats of the request, its status, and why it ended.

Shape: OpenAI's reference, "The response object", 2026-11, and openai-python's type `Response`, whose required fields
are all here.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from engine import hub
from engine.values import Usage
from engine.wire.json_edit import Fields
from engine.wire.openai_responses.usage import write_usage

__all__ = ["NOTHING_ASKED", "TIERS", "echoed", "finish_of", "response", "status_of"]

NOTHING_ASKED: Fields = {}

_SHAPE: dict[str, Any] = {
    "id": None,
    "object": "response",
    "created_at": 0,
    "status": "in_progress",
    "background": False,
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "model": "",
    "output": [],
    "parallel_tool_calls": True,
    "previous_response_id": None,
    "prompt_cache_key": None,
    "reasoning": {"effort": None, "summary": None},
    "safety_identifier": None,
    "service_tier": None,
    "store": False,
    "temperature": 1.0,
    "text": {"format": {"type": "text"}},
    "tool_choice": "auto",
    "tools": [],
    "top_logprobs": 0,
    "top_p": 1.0,
    "truncation": "disabled",
    "usage": None,
    "user": None,
    "metadata": {},
}
"""Every field, in OpenAI's order, with its value where nothing was asked for. We store nothing: `store` is false."""

ECHOED = frozenset(
    {
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "metadata",
        "parallel_tool_calls",
        "prompt_cache_key",
        "reasoning",
        "safety_identifier",
        "temperature",
        "text",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "truncation",
        "user",
    }
)
"""What an answer repeats of its request."""

TIERS = frozenset({"auto", "default", "fast", "flex", "priority", "scale", "ultrafast"})
"""Service tiers that OpenAI knows; those of another protocol are neither asked for nor reported."""

_TOOLS = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_ENCODER = msgspec.json.Encoder()
_NULL = msgspec.Raw(b"null")

_REASONS = {"max_output_tokens": hub.Finish.LENGTH, "content_filter": hub.Finish.CONTENT_FILTER}
_INCOMPLETE = {finish: reason for reason, finish in _REASONS.items()}


def echoed(fields: Fields) -> Fields:
    """What an answer repeats of a request with these *fields*.

    The SDKs' types demand more fields of a function in an answer than in a request: what the caller left out is null.
    """
    echo = {name: raw for name, raw in fields.items() if name in ECHOED and bytes(raw) != b"null"}
    if "tools" in echo:
        echo["tools"] = _completed(echo["tools"])
    return echo


def _completed(tools: msgspec.Raw) -> msgspec.Raw:
    try:
        listed = _TOOLS.decode(tools)
    except msgspec.DecodeError:
        return tools
    for tool in listed:
        if bytes(tool.get("type", _NULL)) == b'"function"':
            tool.setdefault("strict", _NULL)
            tool.setdefault("parameters", _NULL)
    return msgspec.Raw(_ENCODER.encode(listed))


def response(
    *,
    id: str,  # noqa: A002 - the protocol's word
    model: str,
    created: int,
    echo: Fields,
    output: Sequence[Any] = (),
    finish: hub.Finish | None = None,
    status: str = "",
    usage: Usage | None = None,
    error: dict[str, str] | None = None,
    service_tier: str = "",
) -> dict[str, Any]:
    """The object, ready to be encoded. *status* is for an answer that goes on; otherwise it follows from *finish*."""
    said = _SHAPE | echo
    said |= {"id": id, "model": model, "created_at": created, "output": list(output)}
    said["status"] = status or status_of(finish)
    if finish in _INCOMPLETE:
        said["incomplete_details"] = {"reason": _INCOMPLETE[finish]}
    if finish is hub.Finish.ERROR:
        said["error"] = error or {"code": "server_error", "message": "the provider failed midway"}
    if usage is not None:
        said["usage"] = write_usage(usage)
    if service_tier:
        said["service_tier"] = service_tier
    return said


def status_of(finish: hub.Finish | None) -> str:
    """The status of an answer that has ended with *finish*."""
    if finish in _INCOMPLETE:
        return "incomplete"
    return "failed" if finish is hub.Finish.ERROR else "completed"


def finish_of(status: str, reason: str, *, calls: bool) -> tuple[hub.Finish | None, str]:
    """How an answer ended, and the provider's word for it: its status, or the *reason* why it is incomplete.

    None for one that has not ended. There is no status for asking for tools: *calls* says whether the answer does.
    """
    match status:
        case "incomplete":
            return _REASONS.get(reason, hub.Finish.LENGTH), reason or status
        case "failed" | "cancelled":
            return hub.Finish.ERROR, status
        case "queued" | "in_progress":
            return None, status
    return hub.Finish.TOOL_CALLS if calls else hub.Finish.STOP, "completed"
