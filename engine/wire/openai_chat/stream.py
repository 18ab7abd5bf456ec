"""Streams of `chat.completion.chunk` → the hub's events. `Encoder`, the way back, is in `chunks`.

What look-alikes do differently, and is understood: usage on any chunk, or on all (the last one counts); the finish
twice (the first counts); calls whole, without index, with ids and names repeated or left empty; no `[DONE]`; an error
inside the stream.
"""

from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest, OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Outcome, Usage
from engine.wire import sse
from engine.wire.openai_chat.chunks import Encoder
from engine.wire.openai_chat.delta import ChoiceDelta, OpenChoice
from engine.wire.openai_chat.error import outcome_of, read_reply_error
from engine.wire.openai_chat.message import CallNames
from engine.wire.openai_chat.usage import read_usage

__all__ = ["Decoder", "Encoder"]

MOST_UNREAD_BYTES = 64 * 1024
"""How much is kept of a body in which no event has come, to tell an error in plain JSON from a stream cut short."""


class Chunk(msgspec.Struct, gc=False):
    """As much of a `chat.completion.chunk` as we read."""

    choices: list[ChoiceDelta] | None = None
    id: Any = None
    model: Any = None
    created: Any = None
    object: Any = None
    usage: Any = None
    x_groq: Any = None
    error: Any = None
    citations: Any = None
    """Perplexity's: a list of addresses, the same on every chunk."""


_CHUNK = msgspec.json.Decoder(Chunk)
_ANY = msgspec.json.Decoder()


class Decoder:
    """One answer on its way in: feed it every read, `close` it at the end of the body. After `Failed` nothing comes."""

    __slots__ = (
        "_answered",
        "_blocks",
        "_choices",
        "_cited",
        "_failed",
        "_names",
        "_opened",
        "_unread",
        "_usage",
        "done",
    )

    def __init__(self) -> None:
        self._blocks = sse.EventBlocks()
        self._unread = b""
        self._opened = False
        self._failed = False
        self._answered = False
        self._names = CallNames("")
        self._choices: dict[int, OpenChoice] = {}
        self._usage: Usage | None = None
        self._cited = False
        self.done = False
        """`[DONE]` has been seen: nothing that comes after it counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            return self._fail(fault.detail)
        return self._read(block) if block else []

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body. A finish is a proper end, as is `[DONE]`.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream at all, or there was no answer in it.
        """
        rest = self._blocks.rest()
        last = self._read(rest.rstrip(b"\n") + b"\n\n") if sse.is_whole(rest) else []
        if self._failed:
            return last
        if self.done or any(choice.finished for choice in self._choices.values()):
            return last + self._rest()
        unread = self._unread + rest
        if not self._opened and (error := read_reply_error(unread)):
            self._failed = True
            return [*last, hub.Failed(outcome=error)]
        if not self._opened and b"data:" not in unread and unread.strip():
            raise UpstreamMalformed("not an event stream", received=True)
        raise UpstreamReset("the stream ended before the answer did", received=True)

    def _rest(self) -> list[hub.Event]:
        if not self._answered:
            raise UpstreamMalformed("the stream ended without an answer", received=True)
        held: list[hub.Event] = []
        for choice in self._choices.values():
            choice.close(held)
        return held

    def _read(self, block: bytes) -> list[hub.Event]:
        events: list[hub.Event] = []
        for event in sse.events(block):
            if self._failed or self.done:
                break
            data = sse.data_of(event)
            if data == sse.DONE:
                self.done = True
            elif data:
                self._chunk(data, events)
            elif not self._opened:
                self._unread = (self._unread + event)[:MOST_UNREAD_BYTES]
        return events

    def _chunk(self, data: bytes, out: list[hub.Event]) -> None:
        try:
            chunk = _CHUNK.decode(data)
            self._take(chunk, out)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, BadRequest) as exc:
            out += self._fail(f"a chunk that cannot be read: {exc}")
            return
        if chunk.error or chunk.object == "error":
            self._failed = True
            out.append(hub.Failed(outcome=outcome_of({"error": chunk.error} if chunk.error else _ANY.decode(data))))

    def _fail(self, detail: str) -> list[hub.Event]:
        if self._failed:
            return []
        self._failed = True
        outcome = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True)
        return [hub.Failed(outcome=outcome)]

    def _take(self, chunk: Chunk, out: list[hub.Event]) -> None:
        if not self._opened and (chunk.choices or chunk.id):
            out.append(self._open(chunk))
        before = len(out)
        for choice in chunk.choices or ():
            index = choice.index or 0
            state = self._choices.get(index)
            if state is None:
                state = self._choices[index] = OpenChoice(index, self._names)
            state.take(choice, out)
        self._answered = self._answered or len(out) > before
        if chunk.citations and not self._cited and isinstance(chunk.citations, list):
            self._cited = True
            out += [hub.Cited(citation=hub.Citation(url=url)) for url in chunk.citations if isinstance(url, str)]
        if chunk.usage or chunk.x_groq or (chunk.choices and chunk.choices[-1].usage):
            self._meter(_usage(chunk), out)

    def _meter(self, usage: Usage | None, out: list[hub.Event]) -> None:
        if usage is not None and usage != self._usage:
            self._usage = usage
            out.append(hub.Metered(usage=usage))

    def _open(self, chunk: Chunk) -> hub.Opened:
        self._opened = True
        reply_id = chunk.id if isinstance(chunk.id, str) else ""
        self._names = CallNames(reply_id)
        return hub.Opened(
            id=reply_id,
            model=chunk.model if isinstance(chunk.model, str) else "",
            created=chunk.created if type(chunk.created) is int else None,
        )


def _usage(chunk: Chunk) -> Usage | None:
    """The usage in *chunk*: at its top; at Groq, if not asked for, in `x_groq` alone; at Moonshot in the choice."""
    if chunk.usage:
        return read_usage(chunk.usage)
    if isinstance(chunk.x_groq, dict):
        return read_usage(chunk.x_groq.get("usage"))
    return next((read_usage(choice.usage) for choice in chunk.choices or () if choice.usage), None)
