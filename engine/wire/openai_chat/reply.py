"""Whole answers: OpenAI's `chat.completion` ↔ the hub's `Reply`."""

from collections.abc import Callable
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest, UpstreamMalformed
from engine.wire.openai_chat import PROTOCOL
from engine.wire.openai_chat.message import CallNames, Said, read_assistant, write_assistant
from engine.wire.openai_chat.usage import read_usage, write_usage

__all__ = ["decode_reply", "encode_reply", "finish_of", "write_finish"]

FINISHES = {
    "stop": hub.Finish.STOP,
    "eos": hub.Finish.STOP,  # Together
    "end_turn": hub.Finish.STOP,
    "stop_sequence": hub.Finish.STOP,
    "length": hub.Finish.LENGTH,
    "max_tokens": hub.Finish.LENGTH,
    "model_length": hub.Finish.LENGTH,  # Mistral: the context is full
    "tool_calls": hub.Finish.TOOL_CALLS,
    "tool_use": hub.Finish.TOOL_CALLS,
    "function_call": hub.Finish.TOOL_CALLS,  # before there were tools
    "content_filter": hub.Finish.CONTENT_FILTER,
    "sensitive": hub.Finish.CONTENT_FILTER,  # Z.ai
}
"""Any other word is an error, as is DeepSeek's `insufficient_system_resource`."""

WORDS = {
    hub.Finish.TOOL_CALLS: "tool_calls",
    hub.Finish.LENGTH: "length",
    hub.Finish.CONTENT_FILTER: "content_filter",
    hub.Finish.ERROR: "length",
}
"""OpenAI's SDKs have no word for an answer that broke off; of the words they know, `length` says it is incomplete."""

OWN = frozenset({"id", "object", "created", "model", "choices", "usage", "service_tier"})
"""Top-level fields that are read; all others are `extra`."""

_ENCODER = msgspec.json.Encoder()
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])


class _Choice(msgspec.Struct):
    index: int | None = None
    message: Said | None = None
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's: the stop sequence that was met, or the number of a stop token."""
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class _Completion(msgspec.Struct):
    choices: list[_Choice] | None = None
    id: Any = None
    model: Any = None
    created: Any = None
    usage: Any = None
    service_tier: Any = None
    citations: Any = None
    """Perplexity: a list of addresses."""


_COMPLETION = msgspec.json.Decoder(_Completion)


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*. Ask `error.read_reply_error` first.

    Raises:
        UpstreamMalformed: it is no chat completion, or has no choices.
    """
    try:
        completion = _COMPLETION.decode(body)
        fields = _FIELDS.decode(body)
        return _reply(completion, fields)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest) as exc:
        raise UpstreamMalformed(f"not a chat completion: {exc}", received=True) from exc


def _reply(completion: _Completion, fields: dict[str, msgspec.Raw]) -> hub.Reply:
    if not completion.choices:
        raise UpstreamMalformed("a chat completion without choices", received=True)
    reply_id = _text(completion.id)
    name_call = CallNames(reply_id)
    addresses = completion.citations if isinstance(completion.citations, list) else []
    cited = tuple(hub.Citation(url=url) for url in addresses if isinstance(url, str))
    return hub.Reply(
        id=reply_id,
        model=_text(completion.model),
        created=completion.created if type(completion.created) is int else None,
        choices=tuple(_choice(choice, at, name_call, cited) for at, choice in enumerate(completion.choices)),
        usage=read_usage(completion.usage),
        service_tier=_text(completion.service_tier),
        extra={name: raw for name, raw in fields.items() if name not in OWN},
        origin=PROTOCOL,
    )


def _choice(
    choice: _Choice, at: int, name_call: Callable[[str, str], str], cited: tuple[hub.Citation, ...]
) -> hub.Choice:
    parts = read_assistant(choice.message or Said(), name_call)
    raw = choice.finish_reason or ""
    logprobs = bytes(choice.logprobs)
    return hub.Choice(
        index=at if choice.index is None else choice.index,
        parts=_cited(parts, cited),
        finish=finish_of(raw, has_calls=any(isinstance(part, hub.ToolCall) for part in parts)),
        finish_raw=raw,
        stop_sequence=_text(choice.stop_reason),
        logprobs=None if logprobs == b"null" else msgspec.Raw(logprobs),
    )


def _cited(parts: tuple[hub.Part, ...], cited: tuple[hub.Citation, ...]) -> tuple[hub.Part, ...]:
    """*parts*, whose first text gets the answer's citations, *cited*, unless it has citations of its own."""
    if not cited:
        return parts
    at = next((at for at, part in enumerate(parts) if isinstance(part, hub.Text)), -1)
    text = parts[at] if at >= 0 else None
    if not isinstance(text, hub.Text) or text.citations:
        return parts
    return (*parts[:at], msgspec.structs.replace(text, citations=cited), *parts[at + 1 :])


def finish_of(raw: str, *, has_calls: bool) -> hub.Finish | None:
    """Why the answer ended; None if the provider does not say. `stop` beside tool calls means it stopped for them."""
    if not raw:
        return None
    finish = FINISHES.get(raw.lower(), hub.Finish.ERROR)
    return hub.Finish.TOOL_CALLS if has_calls and finish is hub.Finish.STOP else finish


def write_finish(finish: hub.Finish | None, *, has_calls: bool) -> str:
    """OpenAI's word for *finish*."""
    if finish is None:
        return "tool_calls" if has_calls else "stop"
    return WORDS.get(finish, "stop")


def encode_reply(reply: hub.Reply, *, created: int = 0) -> bytes:
    """*reply* as a `chat.completion`; *created*, in seconds since 1970, is used if it does not say when it was made.

    Another protocol's own fields are left out, as are parts that only that protocol knows.
    """
    own = reply.extra if reply.origin == PROTOCOL else {}
    completion: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": reply.created or created,
        "model": reply.model,
        "choices": [_write_choice(choice) for choice in reply.choices],
    }
    if reply.usage is not None:
        completion["usage"] = write_usage(reply.usage)
    if reply.service_tier:
        completion["service_tier"] = reply.service_tier
    return _ENCODER.encode(completion | {name: raw for name, raw in own.items() if name not in OWN})


def _write_choice(choice: hub.Choice) -> dict[str, Any]:
    message = {"role": "assistant", "refusal": None, **write_assistant(choice.parts)}
    message["content"] = _joined(message["content"])
    has_calls = any(isinstance(part, hub.ToolCall) for part in choice.parts)
    written = {
        "index": choice.index,
        "message": message,
        "logprobs": choice.logprobs,
        "finish_reason": write_finish(choice.finish, has_calls=has_calls),
    }
    return {**written, "stop_reason": choice.stop_sequence} if choice.stop_sequence else written


def _joined(content: Any) -> Any:
    """A list of texts as one string, the only form that readers expect; a list with anything else stays as it is."""
    if not isinstance(content, list):
        return content
    texts = [part["text"] for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return "".join(texts) if len(texts) == len(content) else content


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
