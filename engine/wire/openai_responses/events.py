"""The events of a stream, read: one event's data → events of the hub.

Grammar: `response.created`, `response.in_progress`, then per item `output_item.added`, deltas, `output_item.done`; then
`response.completed`, `.incomplete` or `.failed`. Whatever no delta has said is taken from the `done` events, since some
providers leave deltas out. Source: OpenAI's reference of streaming events, 2026-11.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome
from engine.wire.json_read import UNREADABLE
from engine.wire.openai_responses.content import read_annotation
from engine.wire.openai_responses.error import failure
from engine.wire.openai_responses.incoming import CallHead, Contents, Event, Item, State, Words
from engine.wire.openai_responses.items import Ids, kind_of, read_output
from engine.wire.openai_responses.reasoning import BETWEEN_PARTS, NEXT_CALL
from engine.wire.openai_responses.reply import Ending, instant, text
from engine.wire.openai_responses.response import finish_of
from engine.wire.openai_responses.usage import read_usage

__all__ = ["broken", "read"]

_EMPTY = b"[]"


_EVENT = msgspec.json.Decoder(Event)
_ENDING = msgspec.json.Decoder(Ending)


_CALL_HEAD = msgspec.json.Decoder(CallHead)
_CONTENTS = msgspec.json.Decoder(Contents)
_WORDS = msgspec.json.Decoder(Words)


def read(data: bytes, state: State, out: list[hub.Event]) -> None:
    """Append to *out* what an event's *data* says; an event that cannot be read ends the answer as failed."""
    try:
        event = _EVENT.decode(data)
        state.events += 1
        reader = _READERS.get(event.type) if isinstance(event.type, str) else _strange
        if reader is not None:
            reader(state, event, out)
    except UNREADABLE as exc:
        broken(f"an event that cannot be read: {exc}", state, out)


def broken(detail: str, state: State, out: list[hub.Event]) -> None:
    """End the answer as failed: what came is not of the protocol."""
    state.over = True
    outcome = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True)
    out.append(hub.Failed(outcome=outcome))


def _strange(state: State, event: Event, out: list[hub.Event]) -> None:
    """Take an event without a type: an error, or a chunk of another protocol."""
    if event.error:
        state.over = True
        out.append(hub.Failed(outcome=failure(event.error)))
    else:
        broken("a chunk of another protocol: events of the Responses API have a type", state, out)


def _begin(state: State, event: Event, out: list[hub.Event]) -> None:
    if not state.opened and event.response:
        _open(state, _ENDING.decode(event.response), out)


def _open(state: State, said: Ending, out: list[hub.Event]) -> None:
    state.opened, state.reply_id = True, text(said.id)
    out.append(hub.Opened(id=text(said.id), model=text(said.model), created=instant(said.created_at)))


def _added(state: State, event: Event, out: list[hub.Event]) -> None:
    kind = kind_of(event.item)
    item = state.at(event, kind)
    item.kind = kind
    if kind in _CALLS:
        _call(state, item, event.item, out)


def _call(state: State, item: Item, raw: msgspec.Raw, out: list[hub.Event]) -> None:
    head = _CALL_HEAD.decode(raw)
    item.call, state.calls = state.calls, state.calls + 1
    signature, state.signature = state.signature, ""
    out.append(
        hub.CallOpened(
            call=item.call,
            id=head.call_id or head.id or Ids(state.reply_id).item("call", item.call),
            name=head.name,
            custom=item.kind == "custom_tool_call",
            signature=signature,
        )
    )


def _text(state: State, event: Event, out: list[hub.Event]) -> None:
    _told(state.at(event, "message"), event.content_index, event.delta, hub.TextDelta, out)
    if event.logprobs and bytes(event.logprobs) not in {_EMPTY, b"null"}:
        out.append(hub.LogProbs(logprobs=msgspec.Raw(b'{"content":' + bytes(event.logprobs) + b"}")))


def _refusal(state: State, event: Event, out: list[hub.Event]) -> None:
    _told(state.at(event, "message"), event.content_index, event.delta, hub.RefusalDelta, out)


def _told(item: Item, part: Any, words: Any, kind: Any, out: list[hub.Event]) -> None:
    """Append more words of a content part."""
    if not isinstance(words, str) or not words:
        return
    part = part if type(part) is int else 0
    item.sent[part] = item.sent.get(part, 0) + len(words)
    out.append(kind(text=words))


def _thought(state: State, event: Event, out: list[hub.Event]) -> None:
    """Append more reasoning, from the summary or in full; each part begins a paragraph."""
    item = state.at(event, "reasoning")
    summary, part = event.summary_index, event.content_index
    at = -1 - summary if type(summary) is int else part if type(part) is int else 0
    _think(item, at, event.delta, out)


def _think(item: Item, part: int, words: Any, out: list[hub.Event]) -> None:
    if not isinstance(words, str) or not words:
        return
    if item.sent and part not in item.sent:
        out.append(hub.ThinkingDelta(text=BETWEEN_PARTS))
    _told(item, part, words, hub.ThinkingDelta, out)


def _arguments(state: State, event: Event, out: list[hub.Event]) -> None:
    item = state.at(event, "function_call")
    if item.call < 0 or not isinstance(event.delta, str) or not event.delta:
        return
    item.sent[0] = item.sent.get(0, 0) + len(event.delta)
    out.append(hub.CallDelta(call=item.call, arguments=event.delta))


def _annotation(state: State, event: Event, out: list[hub.Event]) -> None:
    item = state.at(event, "message")
    item.cited += 1
    if event.annotation:
        out.append(hub.Cited(citation=read_annotation(event.annotation)))


def _finished(state: State, event: Event, out: list[hub.Event]) -> None:
    kind = kind_of(event.item)
    _complete(state, state.at(event, kind), kind, event.item, out)


def _complete(state: State, item: Item, kind: str, raw: msgspec.Raw, out: list[hub.Event]) -> None:
    """Append what has not been told yet of an item that is now whole."""
    if item.done:
        return
    item.done, item.kind = True, kind
    if kind == "message":
        _rest_of_message(item, raw, out)
        return
    part = read_output(kind, raw)[0]
    match part:
        case hub.ToolCall():
            if item.call < 0:
                _call(state, item, raw, out)
            if rest := part.arguments[item.sent.get(0, 0) :]:
                out.append(hub.CallDelta(call=item.call, arguments=rest))
        case hub.Thinking(origin=origin) if origin == NEXT_CALL:
            state.signature = part.signature
        case hub.Thinking():
            _rest_of_thought(item, part, out)
        case hub.Foreign():
            out.append(part)


def _rest_of_message(item: Item, raw: msgspec.Raw, out: list[hub.Event]) -> None:
    cited = item.cited
    for index, each in enumerate(_CONTENTS.decode(raw).content or ()):
        words = _WORDS.decode(each)
        sent = item.sent.get(index, 0)
        if words.type == "refusal":
            _told(item, index, (words.refusal or "")[sent:], hub.RefusalDelta, out)
        else:
            _told(item, index, (words.text or "")[sent:], hub.TextDelta, out)
        annotations = words.annotations or []
        out += [hub.Cited(citation=read_annotation(annotation)) for annotation in annotations[cited:]]
        cited = max(0, cited - len(annotations))


def _rest_of_thought(item: Item, part: hub.Thinking, out: list[hub.Event]) -> None:
    if part.text and not item.sent:
        _think(item, 0, part.text, out)
    if part.signature or part.redacted:
        out.append(hub.ThinkingSigned(signature=part.signature, redacted=part.redacted, origin=part.origin, id=part.id))


def _ended(state: State, event: Event, out: list[hub.Event]) -> None:
    said = _ENDING.decode(event.response)
    if not state.opened:
        _open(state, said, out)
    for index, raw in enumerate(said.output or ()):
        if index not in state.items and not state.items.keys() - range(index):
            kind = kind_of(raw)
            state.items[index] = Item(kind)
            _complete(state, state.items[index], kind, raw, out)
    reason = said.incomplete_details.reason if said.incomplete_details else None
    status = said.status or text(event.type).removeprefix("response.")
    finish, raw_finish = finish_of(status, reason or "", calls=state.calls > 0)
    out.append(hub.Finished(finish=finish or hub.Finish.STOP, finish_raw=raw_finish))
    if usage := read_usage(said.usage):
        out.append(hub.Metered(usage=usage))
    state.over = state.done = True


def _failed(state: State, event: Event, out: list[hub.Event]) -> None:
    said = _ENDING.decode(event.response) if event.response else Ending()
    if usage := read_usage(said.usage):
        out.append(hub.Metered(usage=usage))
    error = event.error or said.error
    outcome = failure(error or {"message": event.message, "code": event.code, "param": event.param})
    out.append(hub.Failed(outcome=outcome))
    state.over = True


_CALLS = frozenset({"function_call", "custom_tool_call"})

_READERS: dict[str, Callable[[State, Event, list[hub.Event]], None]] = {
    "response.created": _begin,
    "response.in_progress": _begin,
    "response.queued": _begin,
    "response.output_item.added": _added,
    "response.output_text.delta": _text,
    "response.refusal.delta": _refusal,
    "response.reasoning_summary_text.delta": _thought,
    "response.reasoning_text.delta": _thought,
    "response.function_call_arguments.delta": _arguments,
    "response.custom_tool_call_input.delta": _arguments,
    "response.output_text.annotation.added": _annotation,
    "response.output_item.done": _finished,
    "response.completed": _ended,
    "response.incomplete": _ended,
    "response.failed": _failed,
    "error": _failed,
}
"""Events that are read; progress of hosted tools, `done` of parts and any unknown event are passed over."""
