"""Events of the hub, in whatever order they come → a stream of this protocol that openai-python reads.

Every item is opened before its first word and closed after its last; calls stay open to the end, since the pieces of
several may come in turns. Source: OpenAI's reference of streaming events, 2026-11.
"""

from typing import Any, assert_never

from engine import hub
from engine.errors import OutcomeKind
from engine.values import Outcome, Usage
from engine.wire.json_edit import Fields
from engine.wire.openai_responses import PROTOCOL
from engine.wire.openai_responses.content import is_part, write_annotation, write_logprobs
from engine.wire.openai_responses.items import Ids, image_item
from engine.wire.openai_responses.outgoing import Call, Frames, Message, Thought
from engine.wire.openai_responses.reasoning import reasoning_item, seal, seal_call
from engine.wire.openai_responses.response import NOTHING_ASKED, response, status_of

__all__ = ["Encoder"]


class Encoder:
    """Hub events in, bytes for a caller out; `close` ends the stream with the whole answer.

    *echo* is what `response.echoed` keeps of the request; *model*, *created* and *reply_id* are used where the provider
    does not say. Holds the whole answer, since the last event repeats it. Left out: choices other than the first,
    sound, citations without an address, foreign content of other protocols.
    """

    __slots__ = (
        *("_calls", "_created", "_echo", "_finish", "_frames", "_ids", "_items", "_model", "_open", "_over"),
        "_usage",
    )

    def __init__(self, *, model: str, echo: Fields = NOTHING_ASKED, created: int = 0, reply_id: str = "") -> None:
        self._model = model
        self._echo = echo
        self._created = created
        self._ids = Ids(reply_id)
        self._frames = Frames()
        self._items: list[Any] = []
        """The output, by index; None while an item is open."""
        self._open: Message | Thought | None = None
        self._calls: dict[int, Call] = {}
        self._finish: hub.Finish | None = None
        self._usage: Usage | None = None
        self._over = False

    @property
    def sent(self) -> int:
        """How many events have gone out: the `sequence_number` of an error event, if one comes next."""
        return self._frames.sent

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that go out for *event*, b"" for none yet. After `Failed` there are none."""
        if self._over or getattr(event, "choice", None):
            return b""
        if self._frames.sent:
            return self._take(event)
        return self._begin(event) + self._take(event)

    def close(self) -> bytes:
        """The end of the stream: open items are closed, and the last event repeats the answer. b"" after `Failed`."""
        if self._over:
            return b""
        begin = b"" if self._frames.sent else self._begin(hub.Opened())
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

    def _whole(self, type: str, **said: Any) -> bytes:  # noqa: A002 - the protocol's word
        """An event that carries the answer so far."""
        whole = response(
            id=self._ids.response,
            model=self._model,
            created=self._created,
            echo=self._echo,
            output=[item for item in self._items if item is not None],
            usage=self._usage,
            **said,
        )
        return self._frames.event(type, response=whole)

    def _begin(self, event: hub.Event) -> bytes:
        if isinstance(event, hub.Opened):
            self._model = event.model or self._model
            self._created = self._created if event.created is None else event.created
            self._ids = Ids(event.id) if event.id else self._ids
        created = self._whole("response.created", status="in_progress")
        return created + self._whole("response.in_progress", status="in_progress")

    def _next(self, prefix: str) -> tuple[int, str]:
        """Index and id for a new item."""
        self._items.append(None)
        index = len(self._items) - 1
        return index, self._ids.item(prefix, index)

    def _added(self, index: int, item: Any) -> bytes:
        return self._frames.event("response.output_item.added", output_index=index, item=item)

    def _done(self, index: int, item: Any) -> bytes:
        self._items[index] = item
        return self._frames.event("response.output_item.done", output_index=index, item=item)

    def _shut(self, encrypted: str | None = None) -> bytes:
        """Close the message or thought that is open, if any; *encrypted* goes with a thought."""
        opened, self._open = self._open, None
        if opened is None:
            return b""
        shut = opened.shut_part(self._frames)
        item = opened.item("completed") if isinstance(opened, Message) else opened.item(encrypted)
        return shut + self._done(opened.index, item)

    def _part(self, kind: str) -> tuple[bytes, Message]:
        """The bytes that open a part of this *kind*, b"" if one is open, and the message that has it."""
        opened = self._open
        if isinstance(opened, Message):
            return (b"" if opened.kind == kind else opened.open_part(kind, self._frames)), opened
        begin = self._shut()
        opened = self._open = Message(*self._next("msg"))
        begin += self._added(opened.index, opened.item("in_progress"))
        return begin + opened.open_part(kind, self._frames), opened

    def _say(self, kind: str, words: str) -> bytes:
        if not words:
            return b""
        begin, message = self._part(kind)
        return begin + message.say(words, self._frames)

    def _cite(self, citation: hub.Citation) -> bytes:
        annotation = write_annotation(citation)
        if annotation is None:
            return b""
        begin, message = self._part("output_text")
        return begin + message.cite(annotation, self._frames)

    def _weigh(self, logprobs: hub.Json) -> bytes:
        told = write_logprobs(logprobs)
        if not bytes(told).strip(b"[] \t\r\n"):
            return b""
        begin, message = self._part("output_text")
        return begin + message.weigh(told, self._frames)

    def _think(self, words: str) -> bytes:
        if not words:
            return b""
        begin, opened = b"", self._open
        if not isinstance(opened, Thought):
            begin = self._shut()
            opened = self._open = Thought(*self._next("rs_engine"))
            begin += self._added(opened.index, opened.item(None)) + opened.open_part(self._frames)
        return begin + opened.say(words, self._frames)

    def _sign(self, event: hub.ThinkingSigned) -> bytes:
        """Sign the open thought and close it; a signature without one, or withheld reasoning, is an item of its own."""
        if isinstance(self._open, Thought) and event.signature:
            return self._shut(seal(event.signature, event.redacted, event.origin, alone=False))
        encrypted = seal(event.signature, event.redacted, event.origin, alone=True)
        return b"" if encrypted is None else self._shut() + self._seal(encrypted, event.id)

    def _seal(self, encrypted: str, name: str) -> bytes:
        """A reasoning item without words."""
        index, invented = self._next("rs_engine")
        item = reasoning_item(id=name or invented, text="", encrypted=encrypted)
        return self._added(index, item) + self._done(index, item)

    def _call(self, event: hub.CallOpened) -> bytes:
        if event.call in self._calls:
            return b""
        begin = self._shut()
        if event.signature:
            begin += self._seal(seal_call(event.signature), "")
        call = self._calls[event.call] = Call(*self._next("ctc" if event.custom else "fc"), event)
        return begin + self._added(call.index, call.item("in_progress", ""))

    def _argue(self, event: hub.CallDelta) -> bytes:
        call = self._calls.get(event.call)
        return b"" if call is None or not event.arguments else call.say(event.arguments, self._frames)

    def _shut_call(self, call: Call) -> bytes:
        return call.shut(self._frames) + self._done(call.index, call.item("completed", call.arguments))

    def _show(self, media: hub.Media) -> bytes:
        if media.kind != "image" or not media.data:
            return b""
        begin = self._shut()
        index, name = self._next("ig")
        item = image_item(id=name, media=media)
        return begin + self._added(index, item | {"status": "in_progress", "result": None}) + self._done(index, item)

    def _pass(self, event: hub.Foreign) -> bytes:
        """An item of a hosted tool, already whole."""
        if event.protocol != PROTOCOL or is_part(event.kind):
            return b""
        begin = self._shut()
        index, _ = self._next("")
        return begin + self._added(index, event.raw) + self._done(index, event.raw)

    def _fail(self, outcome: Outcome) -> bytes:
        """Fail as OpenAI does: an `error` event, then the answer so far, as failed."""
        self._over = True
        code = "rate_limit_exceeded" if outcome.kind is OutcomeKind.RATE_LIMITED else "server_error"
        said = {"code": outcome.code or code, "message": outcome.message, "param": None}
        told = self._frames.event("error", **said, error={"type": code, **said})
        failed = {"code": code, "message": outcome.message}
        return told + self._whole("response.failed", finish=hub.Finish.ERROR, error=failed)
