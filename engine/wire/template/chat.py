"""Conversations in a template's API: hub → the facts that its expressions know, and answers → hub, and back.

Only texts can be sent. What the template has no place for is never left out silently: parameters are reported as
dropped, content is refused.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from engine import hub
from engine.errors import BadRequest, UpstreamMalformed
from engine.values import Headers, Usage
from engine.wire.envelope import Encoded
from engine.wire.json_read import decoded
from engine.wire.measures import count
from engine.wire.template.fill import fields_of, headers_of
from engine.wire.template.pointer import Pointer, first, found, put
from engine.wire.template.values import Chat

__all__ = [
    "Asked",
    "Turn",
    "decode_reply",
    "encode_reply",
    "encode_request",
    "finish_of",
    "headers",
    "text_at",
    "usage_of",
    "with_usage",
    "word_of",
]

_PARAMETERS: Final = (
    "max_tokens",
    "temperature",
    "top_p",
    "top_k",
    "frequency_penalty",
    "presence_penalty",
    "stop",
    "seed",
    "n",
    "user",
)
"""Parameters that expressions know, under the hub's names."""
_UNSAYABLE: Final = (
    "tools",
    "tool_choice",
    "parallel_tool_calls",
    "format",
    "reasoning",
    "logprobs",
    "top_logprobs",
    "service_tier",
)
_NAMES: Final = {"format": "response_format"}
"""The hub's word → the callers' word, where they differ."""
_WHOLE: Final = msgspec.json.Decoder()
_ENCODER: Final = msgspec.json.Encoder()


class Turn(msgspec.Struct, frozen=True):
    """What `message.…` reads."""

    role: str
    """`system`, `user`, `assistant`."""
    text: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What `request.…` and `upstream.…` read. What is None was not said."""

    model: str
    stream: bool
    messages: tuple[Turn, ...]
    turns: tuple[Turn, ...]
    """The messages without the system's."""
    system: str | None
    prompt: str | None
    """What the user says, if the conversation is a single turn of the user's; else None."""
    max_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    frequency_penalty: float | None
    presence_penalty: float | None
    stop: tuple[str, ...] | None
    seed: int | None
    n: int | None
    user: str | None


def encode_request(request: hub.Request, chat: Chat) -> Encoded:
    """*request* as the template has it.

    Raises:
        BadRequest: `content_not_supported`, some content is no text, or the template has no place for it.
    """
    asked, reads = _asked(request, chat), chat.ask.reads
    _check_said(reads, asked)
    unread = [name for name in _PARAMETERS if f"request.{name}" not in reads]
    dropped = [_NAMES.get(name, name) for name in (*unread, *_UNSAYABLE) if _says(request, name)]
    return Encoded(fields_of(chat.ask, asked), (*dropped, *request.extra))


def headers(request: hub.Request, chat: Chat) -> Headers:
    """The headers that the template has for *request*. Raises BadRequest for what is no text."""
    return headers_of(chat.ask, _asked(request, chat)) if chat.ask.headers else ()


def _asked(request: hub.Request, chat: Chat) -> Asked:
    messages = tuple(_turn(message) for message in request.messages)
    turns = tuple(turn for turn in messages if turn.role != "system")
    system = "\n\n".join(turn.text for turn in messages if turn.role == "system")
    return Asked(
        model=request.model,
        stream=request.stream and chat.stream is not None,
        messages=messages,
        turns=turns,
        system=system or None,
        prompt=turns[0].text if [turn.role for turn in turns] == ["user"] else None,
        **{name: getattr(request, name) if _says(request, name) else None for name in _PARAMETERS},
    )


def _says(request: hub.Request, name: str) -> bool:
    return not any(getattr(request, name) == nothing for nothing in (None, (), ""))


def _turn(message: hub.Message) -> Turn:
    role = "system" if message.role is hub.Role.DEVELOPER else message.role.value
    return Turn(role, "\n\n".join(_texts(message.parts)))


def _texts(parts: Iterable[hub.Part]) -> Iterable[str]:
    for part in parts:
        match part:
            case hub.Text() | hub.Refusal():
                yield part.text
            case hub.Thinking():  # earlier thoughts are the model's own, and most APIs do not take them back
                continue
            case _:
                kind = part.kind if isinstance(part, hub.Media | hub.Foreign) else "tool call"
                raise _not_supported(f"this provider takes text, and no {kind}")


def _check_said(reads: frozenset[str], asked: Asked) -> None:
    if asked.system and not reads & {"request.system", "request.messages"}:
        raise _not_supported("this provider takes no system prompt")
    if reads & {"request.turns", "request.messages"}:
        return
    if asked.prompt is None:
        raise _not_supported("this provider takes a single text by the user, and no conversation")


def _not_supported(message: str) -> BadRequest:
    return BadRequest(message, code="content_not_supported", param="messages")


def decode_reply(body: bytes, chat: Chat) -> hub.Reply:
    """The answer in *body*.

    Raises:
        UpstreamMalformed: it is no JSON, or there is no text where the template says.
    """
    value = decoded(_WHOLE, body, "not JSON")
    text = text_at(value, chat.text)
    if text is None:
        raise UpstreamMalformed(f"no text at /{'/'.join(chat.text)}", received=True)
    finish, raw = finish_of(value, chat.finish, chat.finishes)
    id_ = first(value, chat.id)
    return hub.Reply(
        id=id_ if isinstance(id_, str) else "",
        choices=(hub.Choice(parts=(hub.Text(text=text),), finish=finish or hub.Finish.STOP, finish_raw=raw),),
        usage=usage_of(value, chat.usage),
    )


def text_at(value: Any, pointer: Pointer) -> str | None:
    """The texts at *pointer*, joined; None where there are none."""
    texts = [each for each in found(value, pointer) if isinstance(each, str)]
    return "".join(texts) if texts else None


def finish_of(value: Any, pointer: Pointer | None, finishes: Mapping[str, hub.Finish]) -> tuple[hub.Finish | None, str]:
    """Why the answer ended, and the provider's own word; None and "" where it does not say.

    A word that the template does not list is one of the hub's own, or else a plain end.
    """
    said = first(value, pointer)
    if said is None or said == "":
        return None, ""
    raw = said if isinstance(said, str) else msgspec.json.encode(said).decode()
    known = finishes.get(raw)
    if known is None:
        known = hub.Finish(raw) if raw in set(hub.Finish) else hub.Finish.STOP
    return known, raw


def usage_of(value: Any, pointers: Mapping[str, Pointer]) -> Usage | None:
    """The tokens that are reported; None where none are. The reported count of input includes the cached ones."""
    said = {name: told for name, pointer in pointers.items() if (told := first(value, pointer)) is not None}
    if not said:
        return None
    whole = count(said.get("input"))
    cached = min(count(said.get("cached_input")), whole)
    return Usage(input=whole - cached, cached_input=cached, output=count(said.get("output")))


def encode_reply(reply: hub.Reply, chat: Chat) -> bytes:
    """The smallest answer that says *reply*, for stand-ins of the provider."""
    choice = reply.choices[0]
    text = "".join(part.text for part in choice.parts if isinstance(part, hub.Text))
    value = put(None, chat.text, text)
    if chat.finish is not None and choice.finish is not None:
        value = put(value, chat.finish, word_of(choice.finish, chat.finishes))
    return _ENCODER.encode(with_usage(value, reply.usage, chat.usage))


def word_of(finish: hub.Finish, finishes: Mapping[str, hub.Finish]) -> str:
    """One of the provider's words for *finish*."""
    return next((word for word, kind in finishes.items() if kind is finish), finish.value)


def with_usage(value: Any, usage: Usage | None, pointers: Mapping[str, Pointer]) -> Any:
    """*value* with the counts of *usage* put where they belong."""
    if usage is None:
        return value
    counts = {"input": usage.total_input, "cached_input": usage.cached_input, "output": usage.total_output}
    for name, pointer in pointers.items():
        value = put(value, pointer, counts[name])
    return value
