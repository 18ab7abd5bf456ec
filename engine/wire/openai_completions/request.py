"""Requests for text completions: fields → hub, and back.

A prompt becomes a conversation of one text by the user, and only such a conversation can become a prompt.
Source: platform.openai.com/docs/api-reference/completions/create, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.body import WISHES, read_field
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields

__all__ = ["PROTOCOL", "decode_request", "encode_request"]

PROTOCOL = "openai-completions"

_ENCODER = msgspec.json.Encoder()
_TEXT = msgspec.json.Decoder(str)
_FLAG = msgspec.json.Decoder(bool)
_TEXTS = msgspec.json.Decoder(str | tuple[str, ...])
_WHOLE = msgspec.json.Decoder(int)
_NUMBER = msgspec.json.Decoder(float)
_PROMPT = msgspec.json.Decoder(str | list[str | int | list[int]])

_PLAIN: tuple[tuple[str, msgspec.json.Decoder[Any]], ...] = (
    ("max_tokens", _WHOLE),
    ("temperature", _NUMBER),
    ("top_p", _NUMBER),
    ("top_k", _WHOLE),
    ("frequency_penalty", _NUMBER),
    ("presence_penalty", _NUMBER),
    ("stop", _TEXTS),
    ("seed", _WHOLE),
    ("n", _WHOLE),
    ("user", _TEXT),
)
"""Fields that have the same name in the hub. `top_k` is not OpenAI's, but most others who serve completions have it."""

_READ = {name for name, _ in _PLAIN} | {
    "model",
    "prompt",
    "stream",
    "stream_options",
    "logprobs",
    "suffix",
    "echo",
    "best_of",
    WISHES,
}

_UNSAYABLE = ("tools", "tool_choice", "parallel_tool_calls", "format", "reasoning", "service_tier", "top_k")
"""Fields of the hub that completions have no word for: dropped and reported. OpenAI refuses `top_k`."""

_NAMES = {"format": "response_format"}
"""The hub's word → the callers' word, where they differ."""

MOST_LOGPROBS = 5
"""The most alternatives for each token that OpenAI lists."""


def decode_request(fields: Fields) -> hub.Request:
    """The request that *fields* make, with the prompt as what the user says.

    Raises:
        BadRequest: a field is not of the protocol's shape, or has no meaning in a conversation: several prompts, one in
            tokens, `suffix`, `echo`, `best_of`. `param` names it.
    """
    _refuse_untranslatable(fields)
    said = {name: read_field(fields, name, decoder) for name, decoder in _PLAIN}
    known = {name: value for name, value in said.items() if value is not None}
    if isinstance(known.get("stop"), str):
        known["stop"] = (known["stop"],)
    alternatives = read_field(fields, "logprobs", _WHOLE)
    return hub.Request(
        model=read_field(fields, "model", _TEXT) or "",
        messages=(hub.Message(role=hub.Role.USER, parts=(hub.Text(text=_prompt(fields)),)),),
        stream=read_field(fields, "stream", _FLAG) or False,
        logprobs=None if alternatives is None else True,
        top_logprobs=alternatives,
        extra={name: raw for name, raw in fields.items() if name not in _READ and bytes(raw) != b"null"},
        origin=PROTOCOL,
        **known,
    )


def _prompt(fields: Fields) -> str:
    prompt = read_field(fields, "prompt", _PROMPT)
    if isinstance(prompt, list) and len(prompt) == 1:
        prompt = prompt[0]
    if isinstance(prompt, str):
        return prompt
    what = "several prompts" if prompt and isinstance(prompt, list) and isinstance(prompt[0], str) else "tokens"
    raise _untranslatable("prompt", f"{what} as prompt" if prompt else "no prompt")


def _refuse_untranslatable(fields: Fields) -> None:
    if read_field(fields, "suffix", _TEXT):
        raise _untranslatable("suffix", "suffix")
    if read_field(fields, "echo", _FLAG):
        raise _untranslatable("echo", "echo")
    if (read_field(fields, "best_of", _WHOLE) or 1) != 1:
        raise _untranslatable("best_of", "best_of")


def _untranslatable(param: str, what: str) -> BadRequest:
    return BadRequest(
        f"{what} cannot be translated for a model that is not served by text completions",
        code="content_not_supported",
        param=param,
    )


def encode_request(request: hub.Request) -> Encoded:
    """*request* as a prompt. Without `max_tokens`, OpenAI and vLLM stop after 16 tokens.

    Raises:
        BadRequest: the conversation is not a single text by the user, `content_not_supported`.
    """
    said: dict[str, Any] = {"prompt": _only_text(request)}
    own = request.origin == PROTOCOL
    said |= {name: getattr(request, name) for name, _ in _PLAIN if _says(request, name) and (own or name != "top_k")}
    if request.logprobs:
        said["logprobs"] = min(request.top_logprobs or 0, MOST_LOGPROBS)
    dropped = [_NAMES.get(name, name) for name in _UNSAYABLE if _says(request, name) and name not in said]
    fields = {name: hub.Json(_ENCODER.encode(value)) for name, value in said.items()}
    if own:
        return Encoded({**fields, **request.extra}, tuple(dropped))
    return Encoded(fields, (*dropped, *request.extra))


def _says(request: hub.Request, name: str) -> bool:
    return not any(getattr(request, name) == nothing for nothing in (None, (), ""))


def _only_text(request: hub.Request) -> str:
    match request.messages:
        case (hub.Message(role=hub.Role.USER, parts=(hub.Text(text=text),)),):
            return text
    raise BadRequest(
        "text completions take a single text by the user, and no conversation",
        code="content_not_supported",
        param="messages",
    )
