"""A streamed answer on its way from provider to caller: relayed as it is, or translated event by event.

Both are fed every read and give the bytes that may go out. Both hold everything back until the first content, since an
error may come inside a 200 and another target may still take over. They also hold the end back until `close`, so that
the usage can be written down before the last byte leaves.
"""

from collections.abc import Iterable
from typing import Protocol

from engine import hub
from engine.errors import OutcomeKind, UpstreamMalformed
from engine.values import NO_MEASURES, Measures, Outcome, Usage
from engine.wire import sse

__all__ = ["AnswerStream", "Decoder", "Encoder", "Relay", "Translation"]

MOST_HELD_BYTES = 16 * 1024
"""How much is held before the first content; beyond it the stream goes out as it comes."""

CONTENT = (
    hub.TextDelta
    | hub.ThinkingDelta
    | hub.CallOpened
    | hub.CallDelta
    | hub.RefusalDelta
    | hub.MediaArrived
    | hub.Foreign
)
"""What a caller has been waiting for."""


class Decoder(Protocol):
    """A protocol's bytes → events, however the bytes were cut."""

    @property
    def done(self) -> bool:
        """The answer has ended: nothing that still comes counts."""
        ...

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes."""
        ...

    def close(self) -> list[hub.Event]:
        """The last events. Raises UpstreamFault if the body ended before the answer did."""
        ...


class Encoder(Protocol):
    """Events → a protocol's bytes."""

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that go out for *event*, b"" for none yet."""
        ...

    def close(self) -> bytes:
        """The bytes that end a clean stream."""
        ...


class AnswerStream(Protocol):
    """What the gateway knows of a stream that is passing through. Stop when `error` is set."""

    started: bool
    """Content has been seen, so bytes go out and no other target can take over."""
    error: Outcome | None
    """The provider failed inside the stream; nothing more goes out."""
    usage: Usage | None
    """The last usage reported."""
    measures: Measures
    """What is counted beside tokens."""
    finish_reason: str | None
    """The provider's own word."""
    content_events: int
    """Events with content so far; about one token each."""

    @property
    def done(self) -> bool:
        """The answer has ended: nothing that still comes counts."""
        ...

    def feed(self, data: bytes) -> bytes:
        """The bytes that may go out after *data*, b"" for none yet."""
        ...

    def close(self) -> bytes:
        """The last bytes, after the provider has ended the body. May still set `error`.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no stream of this protocol at all.
        """
        ...


class _Passing:
    """What `Relay` and `Translation` share: noting what events say, and holding bytes back."""

    __slots__ = ("_decoder", "_held", "content_events", "error", "finish_reason", "measures", "started", "usage")

    def __init__(self, decoder: Decoder) -> None:
        self._decoder = decoder
        self._held = b""
        self.started = False
        self.error: Outcome | None = None
        self.usage: Usage | None = None
        self.measures = NO_MEASURES
        self.finish_reason: str | None = None
        self.content_events = 0

    @property
    def done(self) -> bool:
        """See `AnswerStream.done`."""
        return self._decoder.done

    def _note(self, events: Iterable[hub.Event]) -> None:
        for event in events:
            if isinstance(event, CONTENT):
                self.content_events += 1
                self.started = True
            elif isinstance(event, hub.Metered):
                self.usage = event.usage
            elif isinstance(event, hub.Finished):
                self.finish_reason = event.finish_raw or event.finish
                self.started = True
            elif isinstance(event, hub.Failed):
                self.error = event.outcome

    def _released(self, out: bytes) -> bytes:
        """What was held, then *out*; b"" while they are still held, and after a failure before the first content."""
        if self.error is not None and not self.started:
            self._held = b""
            return b""
        held = self._held + out if self._held else out
        if not self.started and len(held) <= MOST_HELD_BYTES:
            self._held = held
            return b""
        self.started, self._held = True, b""
        return held

    def _ended(self) -> list[hub.Event]:
        """The decoder's last events. An end without any answer sets `error`: it cannot be used."""
        events = self._decoder.close()
        self._note(events)
        if not self.started and self.error is None:
            detail = "the stream ended without an answer"
            self.error = Outcome(kind=OutcomeKind.MALFORMED, status=200, message=detail, received=True)
        return events


class Relay(_Passing):
    """One protocol at both ends, framed in server-sent events: the provider's events go out, and are read on the way.

    Only whole events go out, so that the report of a failure never follows half an event.
    """

    __slots__ = ("_blocks", "_tail")

    def __init__(self, decoder: Decoder) -> None:
        super().__init__(decoder)
        self._blocks = sse.EventBlocks()
        self._tail = b""

    def feed(self, data: bytes) -> bytes:
        """See `AnswerStream.feed`."""
        try:
            block = self._blocks.feed(data)
        except UpstreamMalformed as fault:
            self.error = Outcome(kind=fault.kind, status=200, message=fault.detail, received=True)
            return b""
        return b"".join([self._passed(event) for event in sse.events(block)])

    def close(self) -> bytes:
        """See `AnswerStream.close`."""
        rest = self._blocks.rest()
        self._note(self._decoder.feed(rest))
        self._ended()
        last = rest.rstrip(b"\n") + b"\n\n" if rest.strip() else b""
        return b"" if self.error else self._released(self._tail + last)

    def _passed(self, event: bytes) -> bytes:
        """*event*, if it may go out: not yet when it ends the stream, never when it tells of a failure."""
        if self.error is None:
            self._note(self._decoder.feed(event))
        if self.error is not None:
            return self._released(b"")
        if self._decoder.done:
            self._tail += event
            return b""
        return self._released(event)


class Translation(_Passing):
    """Two protocols: what comes in one goes out in the other.

    *opened* has the id, model and time for answers that come without them. Telling the caller of a failure is left to
    the gateway: the provider's words are not for callers.
    """

    __slots__ = ("_begun", "_encoder", "_opened")

    def __init__(self, decoder: Decoder, encoder: Encoder, opened: hub.Opened) -> None:
        super().__init__(decoder)
        self._encoder = encoder
        self._opened = opened
        self._begun = False

    def feed(self, data: bytes) -> bytes:
        """See `AnswerStream.feed`."""
        events = self._decoder.feed(data)
        self._note(events)
        return self._released(self._encoded(events))

    def close(self) -> bytes:
        """See `AnswerStream.close`."""
        return self._released(self._encoded(self._ended()) + (b"" if self.error else self._encoder.close()))

    def _encoded(self, events: list[hub.Event]) -> bytes:
        encode = self._encoder.encode
        if events and not self._begun:
            self._begun = True
            events = self._begin(events)
        return b"".join([encode(event) for event in events if not isinstance(event, hub.Failed)])

    def _begin(self, events: list[hub.Event]) -> list[hub.Event]:
        """*events*, opened by an `Opened` that says all that is known."""
        first, known = events[0], self._opened
        if not isinstance(first, hub.Opened):
            return [known, *events]
        said = hub.Opened(
            id=first.id or known.id, model=first.model or known.model, created=first.created or known.created
        )
        return [said, *events[1:]]
