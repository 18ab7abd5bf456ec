"""Events of the hub → a stream of this protocol that openai-python reads, whatever order they come in.

Every item is opened before its first word and closed after its last one; calls stay open to the end, since their
arguments may arrive in turns. Source: OpenAI's reference of streaming events, 2026-11.
"""

from dataclasses import dataclass, field
from typing import Any, assert_never

import msgspec

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire.json_edit import Fields
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import NO_LOGPROBS, is_part, write_annotation, write_logprobs
from engine.wire.openai_responses.items import Ids, call_item, image_item, reasoning_item, seal
from engine.wire.openai_responses.response import NOTHING_ASKED, response, status_of

__all__ = ["Encoder"]

_ENCODER = msgspec.json.Encoder()


class _Delta(msgspec.Struct, gc=False):
    """The events that come by the thousand; fields that an event has not are left out."""

    type: str
    sequence_number: int
    item_id: str
    output_index: int
    delta: str
    content_index: int | msgspec.UnsetType = msgspec.UNSET
    summary_index: int | msgspec.UnsetType = msgspec.UNSET
    logprobs: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


@dataclass(slots=True)
class _Message:
    """A message while it is told: the parts that are whole, and the one that is open."""

    index: int
    id: str
    content: list[dict[str, Any]] = field(default_factory=list)
    kind: str = ""
    """Of the open part: `output_text`, `refusal`; empty for none."""
    words: list[str] = field(default_factory=list)
    annotations: list[Any] = field(default_factory=list)
    logprobs: list[bytes] = field(default_factory=list)

    def part(self) -> dict[str, Any]:
        """The open part as far as it has been told."""
        text = "".join(self.words)
        if self.kind == "refusal":
            return {"type": "refusal", "refusal": text}
        logprobs = msgspec.Raw(b"[" + b",".join(self.logprobs) + b"]")
        return {"type": "output_text", "text": text, "annotations": list(self.annotations), "logprobs": logprobs}

    def item(self, status: str) -> dict[str, Any]:
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": self.content}


@dataclass(slots=True)
class _Thought:
    """Reasoning while it is told."""

    index: int
    id: str
    words: list[str] = field(default_factory=list)


@dataclass(slots=True)
class _Call:
    """A tool call while it is told."""

    index: int
    id: str
    opened: hub.CallOpened
    words: list[str] = field(default_factory=list)

    def item(self, status: str, arguments: str) -> dict[str, Any]:
        opened = self.opened
        call = hub.ToolCall(id=opened.id, name=opened.name, arguments=arguments, custom=opened.custom)
        return call_item(id=self.id, call=call, status=status)


class Encoder:
    """Hub events in, bytes for a caller out; `close` ends the stream with the whole answer.

    *model* is the name shown, *echo* what `response.echoed` keeps of the request, *created* and *reply_id* stand where
    the provider does not say. Holds the whole answer, since the last event repeats it. Left out: choices other than the
    first, sound, citations without an address, foreign content of other protocols.
    """

    __slots__ = (
        "_calls",
        "_created",
        "_echo",
        "_finish",
        "_ids",
        "_items",
        "_model",
        "_open",
        "_over",
        "_usage",
        "sent",
    )

    def __init__(self, *, model: str, echo: Fields = NOTHING_ASKED, created: int = 0, reply_id: str = "") -> None:
        self._model = model
        self._echo = echo
        self._created = created
        self._ids = Ids(reply_id)
        self._items: list[Any] = []
        """The output, by index; None while an item is open."""
        self._open: _Message | _Thought | None = None
        self._calls: dict[int, _Call] = {}
        self._finish: hub.Finish | None = None
        self._usage: Usage | None = None
        self._over = False
        self.sent = 0
        """How many events went out: the `sequence_number` of the next one."""

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that go out for *event*, b"" for none yet. After `Failed` there are none."""
        if self._over or getattr(event, "choice", None):
            return b""
        begin = b"" if self.sent else self._begin(event)
        return begin + self._take(event)

    def close(self) -> bytes:
        """What ends the stream: open items are closed, the last event repeats the answer; b"" after `Failed`."""
        if self._over:
            return b""
        begin = b"" if self.sent else self._begin(hub.Opened())
        ended = self._shut() + b"".join(self._shut_call(call) for call in self._calls.values())
        self._over = True
        return begin + ended + self._whole(f"response.{status_of(self._finish)}", finish=self._finish)

    def _take(self, event: hub.Event) -> bytes:  # noqa: C901, PLR0911, PLR0912 - one line for each kind of event
        match event:
            case hub.TextDelta():
                return self._say("output_text", event.text)
            case hub.CallDelta():
                return self._argue(event)
            case hub.ThinkingDelta():
                return self._think(event.text)
            case hub.CallOpened():
                return self._call(event)
            case hub.ThinkingSigned():
                return self._sign(event)
            case hub.RefusalDelta():
                return self._say("refusal", event.text)
            case hub.Cited():
                return self._cite(event.citation)
            case hub.LogProbs():
                return self._weigh(event.logprobs)
            case hub.MediaArrived():
                return self._show(event.media)
            case hub.Foreign():
                return self._pass(event)
            case hub.Finished():
                self._finish = event.finish
            case hub.Metered():
                self._usage = event.usage
            case hub.Failed():
                return self._fail(event.outcome)
            case hub.Opened():
                pass
            case _:
                assert_never(event)
        return b""

    def _event(self, type: str, **said: Any) -> bytes:  # noqa: A002 - the protocol's word
        return self._framed(type, {"type": type, "sequence_number": self.sent, **said})

    def _framed(self, type: str, said: object) -> bytes:  # noqa: A002 - the protocol's word
        self.sent += 1
        return b"event: " + type.encode() + b"\ndata: " + _ENCODER.encode(said) + b"\n\n"

    def _whole(self, type: str, *, status: str = "", **said: Any) -> bytes:  # noqa: A002 - the protocol's word
        """An event that carries the answer as far as it has come."""
        whole = response(
            id=self._ids.response,
            model=self._model,
            created=self._created,
            echo=self._echo,
            output=[item for item in self._items if item is not None],
            status=status,
            usage=self._usage,
            **said,
        )
        return self._event(type, response=whole)

    def _begin(self, event: hub.Event) -> bytes:
        if isinstance(event, hub.Opened):
            self._model = self._model or event.model
            self._created = self._created if event.created is None else event.created
            if event.id:
                self._ids = Ids(event.id)
        created = self._whole("response.created", status="in_progress")
        return created + self._whole("response.in_progress", status="in_progress")

    def _next(self, prefix: str) -> tuple[int, str]:
        """Index and id of the item that begins."""
        self._items.append(None)
        index = len(self._items) - 1
        return index, self._ids.item(prefix, index)

    def _added(self, index: int, item: Any) -> bytes:
        return self._event("response.output_item.added", output_index=index, item=item)

    def _done(self, index: int, item: Any) -> bytes:
        self._items[index] = item
        return self._event("response.output_item.done", output_index=index, item=item)

    def _shut(self) -> bytes:
        """Closes the message or thought that is open."""
        opened, self._open = self._open, None
        match opened:
            case _Message():
                return self._shut_part(opened) + self._done(opened.index, opened.item("completed"))
            case _Thought():
                return self._shut_thought(opened, None)
        return b""

    def _say(self, kind: str, words: str, logprobs: msgspec.Raw = NO_LOGPROBS) -> bytes:
        opened = self._open
        if not words and logprobs is NO_LOGPROBS:
            return b""
        begin = b""
        if not isinstance(opened, _Message) or opened.kind != kind:
            begin, opened = self._part(kind)
        opened.words.append(words)
        said = _Delta(
            type=f"response.{kind}.delta",
            sequence_number=self.sent,
            item_id=opened.id,
            output_index=opened.index,
            content_index=len(opened.content),
            delta=words,
        )
        if kind == "output_text":
            said.logprobs = logprobs
        return begin + self._framed(said.type, said)

    def _part(self, kind: str) -> tuple[bytes, _Message]:
        """A part of this kind, opened in the message that is open, or in a new one."""
        if isinstance(self._open, _Message):
            opened, begin = self._open, self._shut_part(self._open)
        else:
            begin = self._shut()
            opened = self._open = _Message(*self._next("msg"))
            begin += self._added(opened.index, opened.item("in_progress"))
        opened.kind = kind
        where = {"item_id": opened.id, "output_index": opened.index, "content_index": len(opened.content)}
        return begin + self._event("response.content_part.added", **where, part=opened.part()), opened

    def _shut_part(self, opened: _Message) -> bytes:
        if not opened.kind:
            return b""
        part = opened.part()
        where = {"item_id": opened.id, "output_index": opened.index, "content_index": len(opened.content)}
        said = {"refusal": part["refusal"]} if opened.kind == "refusal" else {k: part[k] for k in ("text", "logprobs")}
        opened.content.append(part)
        opened.kind, opened.words, opened.annotations, opened.logprobs = "", [], [], []
        ended = "response.refusal.done" if "refusal" in part else "response.output_text.done"
        return self._event(ended, **where, **said) + self._event("response.content_part.done", **where, part=part)

    def _cite(self, citation: hub.Citation) -> bytes:
        annotation = write_annotation(citation)
        if annotation is None:
            return b""
        begin, opened = b"", self._open
        if not isinstance(opened, _Message) or opened.kind != "output_text":
            begin, opened = self._part("output_text")
        opened.annotations.append(annotation)
        return begin + self._event(
            "response.output_text.annotation.added",
            item_id=opened.id,
            output_index=opened.index,
            content_index=len(opened.content),
            annotation_index=len(opened.annotations) - 1,
            annotation=annotation,
        )

    def _weigh(self, logprobs: hub.Json) -> bytes:
        """Log-probabilities ride on a delta of their own, which has no words."""
        told = write_logprobs(logprobs)
        inner = bytes(told).strip()[1:-1].strip()
        if not inner:
            return b""
        begin = self._say("output_text", "", told)
        if isinstance(self._open, _Message):
            self._open.logprobs.append(inner)
        return begin

    def _think(self, words: str) -> bytes:
        if not words:
            return b""
        begin, opened = b"", self._open
        if not isinstance(opened, _Thought):
            begin = self._shut()
            opened = self._open = _Thought(*self._next("rs_engine"))
            begin += self._added(opened.index, reasoning_item(id=opened.id, text="", encrypted=None))
            begin += self._event("response.reasoning_summary_part.added", **_summary(opened), part=_summary_part(""))
        opened.words.append(words)
        said = _Delta(
            type="response.reasoning_summary_text.delta",
            sequence_number=self.sent,
            item_id=opened.id,
            output_index=opened.index,
            summary_index=0,
            delta=words,
        )
        return begin + self._framed(said.type, said)

    def _sign(self, event: hub.ThinkingSigned) -> bytes:
        """A signature ends the thought that is open; a signature alone, or what is withheld, is an item of its own."""
        if isinstance(self._open, _Thought) and event.signature:
            opened, self._open = self._open, None
            return self._shut_thought(opened, seal(event.signature, event.redacted, event.origin, alone=False))
        encrypted = seal(event.signature, event.redacted, event.origin, alone=True)
        if encrypted is None:
            return b""
        begin = self._shut()
        index, invented = self._next("rs_engine")
        item = reasoning_item(id=event.id or invented, text="", encrypted=encrypted)
        return begin + self._added(index, item) + self._done(index, item)

    def _shut_thought(self, opened: _Thought, encrypted: str | None) -> bytes:
        text = "".join(opened.words)
        where = _summary(opened)
        return (
            self._event("response.reasoning_summary_text.done", **where, text=text)
            + self._event("response.reasoning_summary_part.done", **where, part=_summary_part(text))
            + self._done(opened.index, reasoning_item(id=opened.id, text=text, encrypted=encrypted))
        )

    def _call(self, event: hub.CallOpened) -> bytes:
        if event.call in self._calls:
            return b""
        begin = self._shut()
        call = self._calls[event.call] = _Call(*self._next("ctc" if event.custom else "fc"), event)
        return begin + self._added(call.index, call.item("in_progress", ""))

    def _argue(self, event: hub.CallDelta) -> bytes:
        call = self._calls.get(event.call)
        if call is None or not event.arguments:
            return b""
        call.words.append(event.arguments)
        kind = "custom_tool_call_input" if call.opened.custom else "function_call_arguments"
        said = _Delta(
            type=f"response.{kind}.delta",
            sequence_number=self.sent,
            item_id=call.id,
            output_index=call.index,
            delta=event.arguments,
        )
        return self._framed(said.type, said)

    def _shut_call(self, call: _Call) -> bytes:
        said = "".join(call.words)
        where = {"item_id": call.id, "output_index": call.index}
        if call.opened.custom:
            ended = self._event("response.custom_tool_call_input.done", **where, input=said)
        else:
            said = said or "{}"
            name = call.opened.name
            ended = self._event("response.function_call_arguments.done", **where, name=name, arguments=said)
        return ended + self._done(call.index, call.item("completed", said))

    def _show(self, media: hub.Media) -> bytes:
        if media.kind != "image" or not media.data:
            return b""
        begin = self._shut()
        index, name = self._next("ig")
        item = image_item(id=name, media=media)
        return begin + self._added(index, item | {"status": "in_progress", "result": None}) + self._done(index, item)

    def _pass(self, event: hub.Foreign) -> bytes:
        """An item of a hosted tool, told when it is done."""
        if event.protocol != PROTOCOL or is_part(event.kind):
            return b""
        begin = self._shut()
        index, _ = self._next("")
        return begin + self._added(index, event.raw) + self._done(index, event.raw)

    def _fail(self, outcome: Outcome) -> bytes:
        """As OpenAI does: an `error` event, then the answer as far as it came, failed."""
        self._over = True
        code = "rate_limit_exceeded" if outcome.kind is OutcomeKind.RATE_LIMITED else "server_error"
        error = {"type": code, "code": outcome.code or code, "message": outcome.message, "param": None}
        said = {name: error[name] for name in ("code", "message", "param")}
        told = self._event("error", **said, error=error)
        failed = {"code": code, "message": outcome.message}
        return told + self._whole("response.failed", finish=hub.Finish.ERROR, error=failed)


def _summary(thought: _Thought) -> dict[str, Any]:
    return {"item_id": thought.id, "output_index": thought.index, "summary_index": 0}


def _summary_part(text: str) -> dict[str, str]:
    return {"type": "summary_text", "text": text}
