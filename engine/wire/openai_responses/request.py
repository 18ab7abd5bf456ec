"""A request of this protocol ↔ `hub.Request`."""

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.body import WISHES
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.openai_responses import PROTOCOL, options
from engine.wire.openai_responses.input import read_input, write_messages
from engine.wire.openai_responses.response import TIERS

__all__ = ["decode_request", "encode_request"]

LEAST_MAX_TOKENS = 16
"""The least `max_output_tokens` that is taken; a request of another protocol that asks for less gets this much
(OpenAI's OpenAPI document, `minimum` of the field, 2026-11)."""

LOGPROBS = "message.output_text.logprobs"
"""What `include` names to ask for log-probabilities; other protocols have a switch of their own for them."""

DROPPED = (
    ("top_k", "top_k"),
    ("frequency_penalty", "frequency_penalty"),
    ("presence_penalty", "presence_penalty"),
    ("stop", "stop"),
    ("seed", "seed"),
)
"""Parameters that this protocol does not have: the hub's name, and the name that is reported. `n` is one of them unless
it asks for one answer. That thinking is switched off is not said either, see `options.write_reasoning`."""

SHARED = {
    "metadata": "metadata",
    "store": "store",
    "prompt_cache_key": "prompt_cache_key",
    "prompt_cache_retention": "prompt_cache_retention",
    "safety_identifier": "safety_identifier",
    "verbosity": "text.verbosity",
}
"""Fields that only OpenAI's protocols know: their names in its chat → their names here."""

_READ = frozenset(
    {
        "model",
        "stream",
        "input",
        "instructions",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "max_output_tokens",
        "temperature",
        "top_p",
        "top_logprobs",
        "text",
        "reasoning",
        "include",
        "user",
        "service_tier",
        WISHES,
    }
)
"""Fields that the hub has a place for, and our own `provider`; all others are `extra`."""

_T = TypeVar("_T")

_BOOL = msgspec.json.Decoder(bool)
_INT = msgspec.json.Decoder(int)
_FLOAT = msgspec.json.Decoder(float)
_STRING = msgspec.json.Decoder(str)
_NAMES = msgspec.json.Decoder(list[str])
_ENCODER = msgspec.json.Encoder()


def decode_request(fields: Fields) -> hub.Request:
    """The request that *fields* make. A null field is the same as none.

    What `text` and `reasoning` say beyond what the hub knows is `extra` under dotted names, such as `text.verbosity`.

    Raises:
        BadRequest: a field is not of the protocol's shape; `param` names it.
    """
    given = {name: raw for name, raw in fields.items() if bytes(raw) != b"null"}
    form, text = _parsed(given, "text", options.read_text) or (None, {})
    reasoning, reasoning_more = _parsed(given, "reasoning", options.read_reasoning) or (None, {})
    include = _value(given, "include", _NAMES, "a list of strings") or []
    choice = _parsed(given, "tool_choice", options.read_choice)
    extra = {name: msgspec.Raw(bytes(raw)) for name, raw in given.items() if name not in _READ}
    if choice is None and "tool_choice" in given:
        extra["tool_choice"] = given["tool_choice"]
    extra |= {f"text.{name}": raw for name, raw in text.items()}
    extra |= {f"reasoning.{name}": raw for name, raw in reasoning_more.items()}
    if others := [name for name in include if name != LOGPROBS]:
        extra["include"] = _raw(others)
    return hub.Request(
        model=_value(given, "model", _STRING, "a string") or "",
        messages=read_input(given.get("instructions"), given.get("input")),
        stream=_value(given, "stream", _BOOL, "true or false") or False,
        tools=_parsed(given, "tools", options.read_tools) or (),
        tool_choice=choice,
        parallel_tool_calls=_value(given, "parallel_tool_calls", _BOOL, "true or false"),
        max_tokens=_value(given, "max_output_tokens", _INT, "a whole number"),
        temperature=_value(given, "temperature", _FLOAT, "a number"),
        top_p=_value(given, "top_p", _FLOAT, "a number"),
        logprobs=True if LOGPROBS in include else None,
        top_logprobs=_value(given, "top_logprobs", _INT, "a whole number"),
        format=form,
        reasoning=reasoning,
        user=_value(given, "user", _STRING, "a string") or "",
        service_tier=_value(given, "service_tier", _STRING, "a string") or "",
        extra=extra,
        origin=PROTOCOL,
    )


def _value(given: Fields, name: str, decoder: msgspec.json.Decoder[_T], expected: str) -> _T | None:
    if name not in given:
        return None
    try:
        return decoder.decode(given[name])
    except msgspec.DecodeError as exc:
        raise BadRequest(f"{name} must be {expected}", code="invalid_type", param=name) from exc


def _parsed(given: Fields, name: str, read: Any) -> Any:
    if name not in given:
        return None
    try:
        return read(given[name])
    except (msgspec.DecodeError, RecursionError) as exc:
        raise BadRequest(f"{name} cannot be read: {exc}", code="invalid_type", param=name) from exc


def _raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(_ENCODER.encode(value))


def encode_request(request: hub.Request) -> Encoded:
    """*request* as this protocol writes it.

    Dropped and reported: `DROPPED`, tiers that are not OpenAI's, `extra` of other protocols, foreign content and tools.
    `store` is false for a request of another protocol: its caller did not ask for storage, and here silence means yes.

    Raises:
        BadRequest: this protocol cannot express some content.
    """
    native = request.origin == PROTOCOL
    written = write_messages(request.messages)
    extra, dropped = _extra(request)
    said: dict[str, Any] = {"instructions": written.instructions, "input": written.items or None}
    said |= _tools(request, dropped, native=native)
    said |= _parameters(request, native=native)
    said["text"] = options.write_text(request.format, _under("text", extra)) or None
    said["reasoning"] = options.write_reasoning(request.reasoning, _under("reasoning", extra)) or None
    said["include"] = _include(request, extra) or None
    said |= {name: raw for name, raw in extra.items() if "." not in name and name != "include"}
    if not native:
        said.setdefault("store", False)
    if request.service_tier and said["service_tier"] is None:
        dropped.append("service_tier")
    fields = {name: _raw(value) for name, value in said.items() if value is not None}
    return Encoded(fields, tuple(dict.fromkeys((*_unsaid(request), *dropped, *written.dropped))))


def _tools(request: hub.Request, dropped: list[str], *, native: bool) -> dict[str, Any]:
    tools: list[Any] = []
    for tool in request.tools:
        if isinstance(tool, hub.Tool):
            tools.append(options.write_tool(tool, strict=None if native else False))
        elif tool.protocol == PROTOCOL:
            tools.append(tool.raw)
        else:
            dropped.append(tool.kind)
    choice = request.tool_choice
    return {
        "tools": tools or None,
        "tool_choice": options.write_choice(choice, options.custom_names(request.tools)) if choice else None,
        "parallel_tool_calls": request.parallel_tool_calls,
    }


def _parameters(request: hub.Request, *, native: bool) -> dict[str, Any]:
    most = request.max_tokens
    tier = request.service_tier if native or request.service_tier in TIERS else ""
    return {
        "max_output_tokens": most if most is None or native else max(most, LEAST_MAX_TOKENS),
        "temperature": request.temperature,
        "top_p": request.top_p,
        "top_logprobs": request.top_logprobs,
        "user": request.user or None,
        "service_tier": tier or None,
    }


def _extra(request: hub.Request) -> tuple[dict[str, hub.Json], list[str]]:
    """The extra fields that can be sent, under this protocol's names, and the names of those that cannot."""
    if request.origin == PROTOCOL:
        return dict(request.extra), []
    shared = SHARED if request.origin.startswith("openai") else {}
    kept = {shared[name]: raw for name, raw in request.extra.items() if name in shared}
    return kept, [name for name in request.extra if name not in shared]


def _under(prefix: str, extra: Mapping[str, hub.Json]) -> dict[str, hub.Json]:
    start = f"{prefix}."
    return {name.removeprefix(start): raw for name, raw in extra.items() if name.startswith(start)}


def _include(request: hub.Request, extra: Mapping[str, hub.Json]) -> list[str]:
    others = _NAMES.decode(extra["include"]) if "include" in extra else []
    return [*others, LOGPROBS] if request.logprobs else others


def _unsaid(request: hub.Request) -> list[str]:
    """The parameters that were given but that this protocol does not have."""
    unsaid = [name for attribute, name in DROPPED if getattr(request, attribute) not in (None, ())]
    return [*unsaid, "n"] if request.n not in (None, 1) else unsaid
