"""Whole requests for chat completions ↔ the hub's `Request`. What routing looks at is read in `envelope`."""

import re
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.dialect import OPENAI, Dialect
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.openai_chat import PROTOCOL
from engine.wire.openai_chat.params import (
    read_format,
    read_reasoning,
    write_effort,
    write_format,
    write_reasoning,
)
from engine.wire.openai_chat.tools import read_choice, read_tools, write_choice, write_tools
from engine.wire.openai_chat.turns import read_turns, write_turns

__all__ = ["decode_request", "encode_request"]

PLAIN = (
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "seed",
    "n",
    "logprobs",
    "top_logprobs",
)
"""Parameters that have the same name in the hub, and that say nothing when they are null."""

READ = frozenset(
    {
        *PLAIN,
        *("model", "stream", "messages", "response_format"),
        *("tools", "functions", "tool_choice", "function_call", "parallel_tool_calls"),
        *("max_tokens", "max_completion_tokens", "top_k", "stop", "user", "service_tier"),
        *("reasoning", "reasoning_effort"),
        "stream_options",  # whether usage is asked for is the gateway's own affair: `envelope`
        "provider",  # wishes, which we read and do not send on: `envelope`
    }
)
"""The fields that are read; all others are `extra`."""

DROPPED = {
    "top_k": "OpenAI has no such parameter; look-alikes that do are told by `Dialect.top_k`.",
    "reasoning.summary": "Whether reasoning is shown, and how, cannot be asked for with `reasoning_effort`.",
    "is_error": "A tool's message has no mark for failure; what it says has to say it.",
}
"""What the format cannot say → why. Another protocol's own fields and tools are dropped too, under their own names."""


EFFORTS = {"max": "xhigh"}
"""Anthropic's highest effort → OpenAI's. What callers of this protocol ask for is sent as they said it."""


class _Small(msgspec.Struct, omit_defaults=True):
    """The parameters that are a word or a number."""

    model: str = ""
    stream: bool | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: str | list[str] | None = None
    seed: int | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    user: str | None = None
    service_tier: str | None = None
    reasoning_effort: str | None = None
    tool_choice: Any = None
    function_call: Any = None


_SMALL = msgspec.json.Decoder(_Small)
_ENCODER = msgspec.json.Encoder()
_NAMES = frozenset(_Small.__struct_fields__)
_AT = re.compile(r" - at `\$\.?([^`\[.]*)")


def decode_request(fields: Fields) -> hub.Request:
    """The request whose top level is *fields*.

    Raises:
        BadRequest: it is not of the protocol's shape; `param` names the field.
    """
    name = ""
    try:
        small = _SMALL.decode(_ENCODER.encode({key: raw for key, raw in fields.items() if key in _NAMES}))
        name = "messages"
        messages = read_turns(fields.get("messages", msgspec.Raw(b"[]")))
        name = "tools"
        tools = read_tools(fields.get("tools"), fields.get("functions"))
        name = "response_format"
        form = read_format(fields[name]) if _given(fields, name) else None
        name = "reasoning"
        reasoning = read_reasoning(small.reasoning_effort, fields.get("reasoning"))
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise _wrong(name, str(exc)) from exc
    except RecursionError as exc:
        raise BadRequest("the body is nested too deeply", code="invalid_json", param=name or None) from exc
    return _request(fields, small, messages=messages, tools=tools, form=form, reasoning=reasoning)


def _given(fields: Fields, name: str) -> bool:
    return name in fields and bytes(fields[name]) != b"null"


def _wrong(name: str, detail: str) -> BadRequest:
    """The error for the field *name*; *name* is empty while the small ones are read, then *detail* says which."""
    at = _AT.search(detail)
    param = name or (at[1] if at else "")
    return BadRequest(f"{param or 'the body'}: {detail}", code="invalid_type", param=param or None)


def _request(
    fields: Fields,
    small: _Small,
    *,
    messages: tuple[hub.Message, ...],
    tools: tuple[hub.Tool | hub.Foreign, ...],
    form: hub.OutputFormat | str | None,
    reasoning: hub.Reasoning | None,
) -> hub.Request:
    asked = small.tool_choice if small.tool_choice is not None else small.function_call
    choice = read_choice(asked) if asked is not None else None
    extra = {name: raw for name, raw in fields.items() if name not in READ}
    if asked is not None and choice is None:
        extra["tool_choice"] = fields["tool_choice" if small.tool_choice is not None else "function_call"]
    if isinstance(form, str) and form != "text":
        extra["response_format"] = fields["response_format"]
    most = small.max_completion_tokens
    return hub.Request(
        model=small.model,
        messages=messages,
        stream=bool(small.stream),
        tools=tools,
        tool_choice=choice,
        max_tokens=small.max_tokens if most is None else most,
        top_k=small.top_k,
        stop=(small.stop,) if isinstance(small.stop, str) else tuple(small.stop or ()),
        format=form if isinstance(form, hub.OutputFormat) else None,
        reasoning=reasoning,
        user=small.user or "",
        service_tier=small.service_tier or "",
        extra=extra,
        origin=PROTOCOL,
        parallel_tool_calls=small.parallel_tool_calls,
        **{name: getattr(small, name) for name in PLAIN},
    )


def encode_request(request: hub.Request, *, dialect: Dialect = OPENAI) -> Encoded:
    """*request* for OpenAI's chat completions, or for a look-alike in its *dialect*; without model and stream.

    Raises:
        BadRequest: `content_not_supported`, the messages carry something that the format has no place for.
    """
    dropped: list[str] = []
    sent: dict[str, Any] = {"messages": write_turns(request.messages, dialect, dropped)}
    sent |= _tools(request, dialect, dropped)
    if request.max_tokens is not None:
        sent[dialect.max_tokens] = request.max_tokens
    sent |= {name: value for name in PLAIN if (value := getattr(request, name)) is not None}
    if request.stop:
        sent["stop"] = request.stop
    if request.format is not None:
        sent["response_format"] = write_format(request.format)
    sent |= {name: value for name in ("user", "service_tier") if (value := getattr(request, name))}
    if request.top_k is not None and dialect.top_k:
        sent["top_k"] = request.top_k
    sent |= _reasoning(request, dialect, dropped)
    dropped += ["top_k"] if request.top_k is not None and not dialect.top_k else []
    return Encoded(fields=_fields(request, sent, dropped), dropped=tuple(dict.fromkeys(dropped)))


def _tools(request: hub.Request, dialect: Dialect, dropped: list[str]) -> dict[str, Any]:
    """Tools, and what is said about them; nothing if tools were sent but none of them is left."""
    tools = write_tools(request.tools, cache=dialect.cache, dropped=dropped)
    if request.tools and not tools:
        return {}
    said: dict[str, Any] = {"tools": tools} if tools else {}
    if request.tool_choice is not None:
        said["tool_choice"] = write_choice(request.tool_choice, request.tools)
    if request.parallel_tool_calls is not None:
        said["parallel_tool_calls"] = request.parallel_tool_calls
    return said


def _reasoning(request: hub.Request, dialect: Dialect, dropped: list[str]) -> dict[str, Any]:
    if request.reasoning is None:
        return {}
    if dialect.reasoning == "object":
        return {"reasoning": write_reasoning(request.reasoning)}
    if request.reasoning.summary:
        dropped.append("reasoning.summary")
    effort = write_effort(request.reasoning)
    if request.origin != PROTOCOL:
        effort = EFFORTS.get(effort, effort)
    return {"reasoning_effort": effort} if effort else {}


def _fields(request: hub.Request, sent: dict[str, Any], dropped: list[str]) -> Fields:
    """*sent* as raw fields, then the request's extra ones; those of another protocol go to *dropped* instead."""
    fields = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in sent.items()}
    if request.origin == PROTOCOL:
        return fields | {name: raw for name, raw in request.extra.items() if name not in fields}
    dropped += request.extra
    return fields
