"""Whole text completions: bytes → hub, and back.

Source: platform.openai.com/docs/api-reference/completions/object, read 2026-11.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire.json_read import decoded
from engine.wire.openai_chat.usage import read_usage, write_usage
from engine.wire.openai_completions.logprobs import decode_logprobs, encode_logprobs
from engine.wire.openai_completions.request import PROTOCOL

__all__ = ["Choice", "Completion", "decode_reply", "encode_reply", "finish_of", "word_of"]

_FINISHES = {
    "stop": hub.Finish.STOP,
    "eos": hub.Finish.STOP,
    "length": hub.Finish.LENGTH,
    "content_filter": hub.Finish.CONTENT_FILTER,
    "error": hub.Finish.ERROR,
}
"""`eos` is Together's, `error` OpenRouter's."""


class Choice(msgspec.Struct):
    """One text, or a piece of it."""

    text: str | None = None
    index: int = 0
    finish_reason: str | None = None
    stop_reason: Any = None
    """vLLM's: the stop sequence that was met, or the number of a stop token."""
    logprobs: msgspec.Raw = msgspec.Raw(b"null")


class Completion(msgspec.Struct):
    """A whole answer, or a chunk of one."""

    choices: list[Choice] | None = None
    id: str | None = None
    model: str | None = None
    created: Any = None
    usage: Any = None
    error: Any = None


_COMPLETION = msgspec.json.Decoder(Completion)
_ENCODER = msgspec.json.Encoder()


def finish_of(word: str) -> hub.Finish:
    """What a finish reason means; an undocumented one counts as a plain stop."""
    return _FINISHES.get(word, hub.Finish.STOP)


def word_of(finish: hub.Finish | None) -> str:
    """OpenAI's word for *finish*. Its SDK knows only three, and wants one for every answer."""
    return finish.value if finish in {hub.Finish.LENGTH, hub.Finish.CONTENT_FILTER} else "stop"


def decode_reply(body: bytes) -> hub.Reply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it is no text completion, or has no choices.
    """
    completion = decoded(_COMPLETION, body, "not a text completion")
    if not completion.choices:
        raise UpstreamMalformed("a text completion without choices", received=True)
    return hub.Reply(
        id=completion.id or "",
        model=completion.model or "",
        created=completion.created if type(completion.created) is int else None,
        choices=tuple(_decode_choice(choice) for choice in completion.choices),
        usage=read_usage(completion.usage),
        origin=PROTOCOL,
    )


def _decode_choice(choice: Choice) -> hub.Choice:
    raw = choice.finish_reason or ""
    return hub.Choice(
        index=choice.index,
        parts=(hub.Text(text=choice.text),) if choice.text else (),
        finish=finish_of(raw) if raw else None,
        finish_raw=raw,
        stop_sequence=choice.stop_reason if isinstance(choice.stop_reason, str) else "",
        logprobs=decode_logprobs(choice.logprobs),
    )


def encode_reply(reply: hub.Reply, *, created: int = 0) -> bytes:
    """*reply* as a text completion: its texts and refusals. Thoughts and whatever else it has are not shown.

    *created*, in seconds since 1970, is used if it does not say when it was made.
    """
    written: dict[str, Any] = {
        "id": reply.id,
        "object": "text_completion",
        "created": reply.created or created,
        "model": reply.model,
        "choices": [_encode_choice(choice) for choice in reply.choices],
    }
    if reply.usage is not None:
        written["usage"] = write_usage(reply.usage)
    return _ENCODER.encode(written)


def _encode_choice(choice: hub.Choice) -> dict[str, Any]:
    logprobs, _ = encode_logprobs(choice.logprobs)
    return {
        "text": "".join(part.text for part in choice.parts if isinstance(part, hub.Text | hub.Refusal)),
        "index": choice.index,
        "logprobs": logprobs,
        "finish_reason": word_of(choice.finish),
    }
