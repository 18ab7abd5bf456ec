"""Converse's streams: event-stream bytes → hub events. `encoder` writes them.

Order: messageStart; for each block contentBlockStart (not for text or reasoning), contentBlockDelta, contentBlockStop;
messageStop with the stop reason; metadata with the usage, and the end. Payloads carry padding under `p`.

Source: Amazon Bedrock API reference, "ConverseStream", 2026-11.
"""

from collections.abc import Iterable, Mapping

import msgspec

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed, UpstreamReset
from engine.values import Outcome
from engine.wire import eventstream
from engine.wire.bedrock.encoder import Encoder
from engine.wire.bedrock.error import read_exception
from engine.wire.bedrock.parts import CALLERS, read_citation
from engine.wire.bedrock.pieces import Delta, Pieces, Start
from engine.wire.bedrock.reply import stop_sequence
from engine.wire.bedrock.usage import TokenUsage, finish_of, read_usage
from engine.wire.json_read import UNREADABLE

__all__ = ["Decoder", "Encoder", "failed"]


class _Started(msgspec.Struct, rename="camel"):
    start: Start
    content_block_index: int = 0


class _Delta(msgspec.Struct, rename="camel"):
    delta: Delta
    content_block_index: int = 0


class _Stopped(msgspec.Struct, rename="camel", gc=False):
    content_block_index: int = 0


class _MessageStopped(msgspec.Struct, rename="camel"):
    stop_reason: str = ""
    additional_model_response_fields: msgspec.Raw = msgspec.Raw()


class _Metadata(msgspec.Struct):
    usage: TokenUsage | None = None


_STARTED = msgspec.json.Decoder(_Started)
_DELTA = msgspec.json.Decoder(_Delta)
_STOPPED = msgspec.json.Decoder(_Stopped)
_MESSAGE_STOPPED = msgspec.json.Decoder(_MessageStopped)
_METADATA = msgspec.json.Decoder(_Metadata)

MOST_BLOCKS = 1_000
"""The most blocks that may be open at once; an answer has a handful, one after the other."""


class Decoder:
    """One answer, read as it arrives. Feed it every read; `close` it at the end of the body."""

    __slots__ = ("_blocks", "_calls", "_failed", "_finished", "_messages", "_opened", "done")

    def __init__(self) -> None:
        self._messages = eventstream.Decoder()
        self._blocks: dict[int, Pieces] = {}
        self._calls = 0
        self._opened = False
        self._finished = False
        self._failed = False
        self.done = False
        """The metadata, which come last, or a failure have been seen: nothing after that counts."""

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes. After `Failed` there are none."""
        events: list[hub.Event] = []
        if self._failed:
            return events
        try:
            for headers, payload in self._messages.feed(data):
                self._take(headers, payload, events)
                if self._failed:
                    break
        except UNREADABLE as exc:
            self._fail(failed(f"an event that cannot be read: {exc}"), events)
        except UpstreamMalformed as fault:
            self._fail(failed(fault.detail), events)
        return events

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream.
        """
        if not (self._failed or self._finished):
            self._messages.close()
            raise UpstreamReset("the stream ended before the answer did", received=self._opened)
        return []

    def _take(self, headers: Mapping[str, eventstream.Header], payload: bytes, events: list[hub.Event]) -> None:
        if headers.get(":message-type", "event") != "event":
            self._fail(hub.Failed(outcome=read_exception(headers, payload)), events)
            return
        match headers.get(":event-type"):
            case "contentBlockDelta":
                self._delta(_DELTA.decode(payload), events)
            case "contentBlockStart":
                self._start(_STARTED.decode(payload), events)
            case "contentBlockStop":
                self._stop([_STOPPED.decode(payload).content_block_index], events)
            case "messageStart":
                self._open(events)
            case "messageStop":
                self._finish(_MESSAGE_STOPPED.decode(payload), events)
            case "metadata":
                self._meter(_METADATA.decode(payload), events)
            case _:  # unknown events are ignored
                return

    def _open(self, events: list[hub.Event]) -> None:
        if not self._opened:
            self._opened = True
            events.append(hub.Opened())

    def _delta(self, said: _Delta, events: list[hub.Event]) -> None:
        self._open(events)
        delta = said.delta
        if delta.text is not None:
            if delta.text:
                events.append(hub.TextDelta(text=delta.text))
            return
        reasoning = delta.reasoning_content
        if reasoning is not None and reasoning.text:
            events.append(hub.ThinkingDelta(text=reasoning.text))
        if delta.citation:
            events.append(hub.Cited(citation=read_citation(delta.citation)))
            return
        event = self._block(said.content_block_index).add(delta)
        if event is not None:
            events.append(event)

    def _block(self, index: int) -> Pieces:
        block = self._blocks.get(index)
        if block is None:
            if len(self._blocks) >= MOST_BLOCKS:
                raise UpstreamMalformed(f"more than {MOST_BLOCKS} open content blocks", received=True)
            block = self._blocks[index] = Pieces()
        return block

    def _start(self, said: _Started, events: list[hub.Event]) -> None:
        self._open(events)
        self._stop([said.content_block_index], events)
        self._block(said.content_block_index)
        use = said.start.tool_use
        call = None
        if use is not None and use.type in CALLERS:
            call, self._calls = self._calls, self._calls + 1
            events.append(hub.CallOpened(call=call, id=use.tool_use_id, name=use.name))
        self._blocks[said.content_block_index] = Pieces(said.start, call)

    def _stop(self, indexes: Iterable[int], events: list[hub.Event]) -> None:
        for index in indexes:
            block = self._blocks.pop(index, None)
            if block is not None:
                events += block.close()

    def _finish(self, said: _MessageStopped, events: list[hub.Event]) -> None:
        self._open(events)
        self._stop(list(self._blocks), events)
        finish = finish_of(said.stop_reason, calls=self._calls > 0)
        met = stop_sequence(said.additional_model_response_fields)
        if not self._finished:
            events.append(hub.Finished(finish=finish, finish_raw=said.stop_reason, stop_sequence=met))
        self._finished = True

    def _meter(self, said: _Metadata, events: list[hub.Event]) -> None:
        counted = read_usage(said.usage)
        if counted is not None:
            events.append(hub.Metered(usage=counted))
        self.done = self._finished

    def _fail(self, failure: hub.Failed, events: list[hub.Event]) -> None:
        self._failed = self.done = True
        events.append(failure)


def failed(detail: str) -> hub.Failed:
    """The failure of a stream that is not of the protocol."""
    return hub.Failed(outcome=Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True))
