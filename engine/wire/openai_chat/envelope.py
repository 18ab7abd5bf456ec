"""OpenAI's chat completions: requests and whole answers. Streams are in `relay`.

A request is read only as far as routing needs and written again around the caller's own bytes, so unknown fields
survive. It is always written from what was read: if a key came twice, the provider sees the value that we saw.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec

from engine.errors import BadRequest, UpstreamMalformed
from engine.values import Outcome, Usage
from engine.wire import estimate
from engine.wire.body import (
    MOST_BITS,
    WISHES,
    flag,
    has_items,
    malformed,
    members,
    metadata,
    missing,
    model,
    read_fields,
    read_small,
    text,
    too_deep,
    whole,
    wishes,
)
from engine.wire.envelope import Envelope
from engine.wire.json_edit import Fields
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_chat.error import read_reply_error
from engine.wire.openai_chat.usage import read_usage

__all__ = ["Reply", "finish", "read_envelope", "read_reply"]

LIST = ord("[")

UNREAD = frozenset({"messages", "tools", "functions", "response_format"})
"""The large fields: their values stay bytes. Numbers in them are not checked for size."""


class _Message(msgspec.Struct, gc=False):
    content: msgspec.Raw = msgspec.Raw(b"null")


class _StreamOptions(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    include_usage: bool = False


_Count = Annotated[int, msgspec.Meta(ge=0, le=2**MOST_BITS - 1)]
_Number = Annotated[float, msgspec.Meta(gt=-(2.0**MOST_BITS), lt=2.0**MOST_BITS)]


class _Plain(msgspec.Struct, gc=False):
    """The fields that most requests have, with the values that they mostly have.

    Narrower than what a caller may send, so that what is read needs no further check; `_checked` takes the rest.
    """

    model: Annotated[str, msgspec.Meta(min_length=1)]
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    max_tokens: _Count | None = None
    max_completion_tokens: _Count | None = None
    temperature: _Number | None = None
    top_p: _Number | None = None
    n: _Number | None = None
    stop: str | list[str] | None = None
    seed: _Number | None = None
    presence_penalty: _Number | None = None
    frequency_penalty: _Number | None = None


PLAIN = frozenset(_Plain.__struct_fields__)

_PLAIN = msgspec.json.Decoder(_Plain)
_MESSAGES = msgspec.json.Decoder(list[_Message])
_VALUE = msgspec.json.Decoder()
_ENCODER = msgspec.json.Encoder()


def read_envelope(body: bytes) -> Envelope:
    """The request in *body*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    try:  # `depth_checked` would cost 4 % of a small request
        return _decode(body)
    except RecursionError as exc:
        raise too_deep() from exc


def _decode(body: bytes) -> Envelope:
    fields = read_fields(body)
    if fields.keys() <= PLAIN:
        try:
            return _plain(body, fields)
        except msgspec.ValidationError:  # not plain, but not necessarily wrong
            pass
    return _checked(body, fields)


def _plain(body: bytes, fields: Fields) -> Envelope:
    """The request, read in one go. Raises msgspec.ValidationError where it is not plain."""
    said = _PLAIN.decode(body)
    carried = _media(said.messages) if body.count(b"[") > 1 else estimate.NO_MEDIA
    low, likely, high = estimate.estimate(len(body), carried)
    options, most = said.stream_options, said.max_completion_tokens
    return Envelope(
        fields=fields,
        model=said.model,
        stream=said.stream or False,
        asks_usage=options is not None and options.include_usage,
        max_tokens=said.max_tokens if most is None else most,
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_images=carried.images,
        has_audio=carried.audio,
        has_files=carried.files,
    )


def _checked(body: bytes, fields: Fields) -> Envelope:
    """The request, read field by field. Raises BadRequest."""
    known = read_small(fields, unread=UNREAD)
    carried = _carried(fields)
    low, likely, high = estimate.estimate(len(body), carried)
    notes = metadata(known)
    return Envelope(
        fields=fields,
        model=model(known),
        stream=flag(known, "stream"),
        max_tokens=_max_tokens(known),
        asks_usage=flag(members(known, "stream_options"), "include_usage", "stream_options."),
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        has_tools=has_items(fields, "tools") or has_items(fields, "functions"),
        has_images=carried.images,
        has_audio=carried.audio,
        has_files=carried.files,
        wants_json=_wants_json(fields),
        reasoning=_reasoning(known),
        user=text(known, "user"),
        session=text(known, "session_id") or notes.get("session_id", ""),
        metadata=notes,
        wishes=wishes(known),
    )


def finish(fields: Fields, *, model: str, stream: bool, ask_usage: bool = True) -> bytes:
    """The body that goes to a provider: *fields* with its own name for the model, without our `provider` wishes.

    A stream is asked to end with its usage; with *ask_usage* false it is not, even where the caller asked for that.
    """
    sent: dict[str, Any] = {**fields, "model": model}
    sent.pop(WISHES, None)
    if stream:
        sent["stream"] = True
        if ask_usage:
            options = _VALUE.decode(fields.get("stream_options", b"null")) or {}
            sent["stream_options"] = {**options, "include_usage": True}
    if not ask_usage:
        sent.pop("stream_options", None)
    return _ENCODER.encode(sent)


def _carried(fields: Fields) -> estimate.Media:
    """What the messages carry beside text."""
    if "messages" not in fields:
        raise missing("messages")
    try:
        raw = fields["messages"]
        messages = _MESSAGES.decode(raw)
        carried = _media(messages) if bytes(raw).count(b"[") > 1 else estimate.NO_MEDIA
    except msgspec.ValidationError as exc:
        raise malformed("messages", exc) from exc
    if not messages:
        raise BadRequest("messages must not be empty", code="invalid_value", param="messages")
    return carried


def _media(messages: list[_Message]) -> estimate.Media:
    """What the messages carry beside text; only a content that is a list of parts can."""
    lists = [message.content for message in messages if memoryview(message.content)[0] == LIST]
    return estimate.media(lists) if lists else estimate.NO_MEDIA


def _max_tokens(known: Mapping[str, Any]) -> int | None:
    is_newer = known.get("max_completion_tokens") is not None
    return whole(known, "max_completion_tokens" if is_newer else "max_tokens")


def _wants_json(fields: Fields) -> bool:
    form = fields.get("response_format")
    return form is not None and b'"json_' in bytes(form)


def _reasoning(known: Mapping[str, Any]) -> bool:
    effort = known.get("reasoning_effort")
    asked = known.get("reasoning")
    if isinstance(asked, dict):
        effort = asked.get("effort", effort)
        if effort is None:
            return asked.get("enabled") is not False and bool(asked)
    return effort is not None and effort != "none"


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal keeps of a whole answer; the caller gets the provider's bytes."""

    id: str
    model: str
    finish_reason: str | None
    """The first choice's, in the provider's word."""
    usage: Usage | None


class _Choice(msgspec.Struct, gc=False):
    finish_reason: Any = None


class _Completion(msgspec.Struct):
    choices: list[_Choice] = []
    id: Any = None
    model: Any = None
    usage: Any = None
    error: Any = None


_COMPLETION = msgspec.json.Decoder(_Completion)


def read_reply(body: bytes) -> Reply | Outcome:
    """What *body*, an answer with status 200, says of itself, or the failure that it reports.

    Raises:
        UpstreamMalformed: it is no chat completion, or has no choices.
    """
    try:
        completion = _COMPLETION.decode(body)
    except UNREADABLE as exc:
        if (failure := read_reply_error(body)) is not None:
            return failure
        raise UpstreamMalformed(f"not a chat completion: {exc}", received=True) from exc
    if completion.error and (failure := read_reply_error(body)) is not None:
        return failure
    if not completion.choices:
        raise UpstreamMalformed("a chat completion without choices", received=True)
    finish_reason = completion.choices[0].finish_reason
    return Reply(
        id=completion.id if isinstance(completion.id, str) else "",
        model=completion.model if isinstance(completion.model, str) else "",
        finish_reason=finish_reason if isinstance(finish_reason, str) else None,
        usage=read_usage(completion.usage),
    )
