"""InvokeModel for Anthropic's models: their own Messages API, in Bedrock's wrapping.

Requests and whole answers are those of `anthropic_messages`; here is what differs. Each message of the event stream
holds one event of the Messages API in base64; the last one also has `amazon-bedrock-invocationMetrics`, which repeat
the usage. Errors are Bedrock's.

Source: Bedrock's user guide, "Anthropic Claude Messages API", and API reference, "InvokeModelWithResponseStream",
2026-11.
"""

import base64
import binascii

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire import eventstream, sse
from engine.wire.anthropic_messages import stream as anthropic
from engine.wire.anthropic_messages.stream_frame import named
from engine.wire.bedrock.encoder import frame
from engine.wire.bedrock.error import read_exception
from engine.wire.bedrock.stream import failed
from engine.wire.json_edit import Fields
from engine.wire.json_read import UNREADABLE
from engine.wire.stream import Relay

__all__ = ["VERSION", "Decoder", "Encoder", "Stream", "finish"]

VERSION = "bedrock-2023-05-31"
"""The only `anthropic_version` that Bedrock takes."""

_VERSIONED = {"anthropic_version": msgspec.Raw(msgspec.json.encode(VERSION))}
_IN_THE_PATH = {"model", "stream"}


class _Chunk(msgspec.Struct, gc=False):
    bytes: str = ""


class _Event(msgspec.Struct, gc=False):
    type: str


_CHUNK = msgspec.json.Decoder(_Chunk)
_EVENT = msgspec.json.Decoder(_Event)
_ENCODER = msgspec.json.Encoder()


def finish(fields: Fields, *, model: str, stream: bool) -> bytes:  # noqa: ARG001 - both are in the path
    """The body for InvokeModel, made from one of the Messages API."""
    return _ENCODER.encode({name: raw for name, raw in fields.items() if name not in _IN_THE_PATH} | _VERSIONED)


class _Unwrapped:
    """Event-stream bytes in; out come the events they wrap, as server-sent events, however the bytes were cut."""

    __slots__ = ("_messages", "failure")

    def __init__(self) -> None:
        self._messages = eventstream.Decoder()
        self.failure: hub.Failed | None = None
        """An exception from Bedrock, or a message that cannot be read; nothing comes out after it."""

    def feed(self, data: bytes) -> bytes:
        """The events that *data* completes."""
        out: list[bytes] = []
        if self.failure is not None:
            return b""
        try:
            for message in self._messages.feed(data):
                out.append(self._event(message))
                if self.failure is not None:
                    break
        except (*UNREADABLE, binascii.Error) as exc:
            self.failure = failed(f"an event that cannot be read: {exc}")
        except UpstreamMalformed as fault:
            self.failure = failed(fault.detail)
        return b"".join(out)

    def close(self) -> None:
        """Raises UpstreamFault if the last message is not whole, or the body was no event stream."""
        self._messages.close()

    def _event(self, message: eventstream.Message) -> bytes:
        headers, payload = message
        if headers.get(":message-type", "event") != "event":
            self.failure = hub.Failed(outcome=read_exception(headers, payload))
            return b""
        if headers.get(":event-type") != "chunk":
            return b""
        event = base64.b64decode(_CHUNK.decode(payload).bytes, validate=True)
        return named(_EVENT.decode(event).type.encode(), event)


class Decoder:
    """One answer of an Anthropic model, read as it arrives. Feed it every read; `close` it at the end of the body."""

    __slots__ = ("_inner", "_unwrapped")

    def __init__(self) -> None:
        self._unwrapped = _Unwrapped()
        self._inner = anthropic.Decoder()

    @property
    def done(self) -> bool:
        """The answer has ended, or has failed."""
        return self._unwrapped.failure is not None or self._inner.done

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes. After `Failed` there are none."""
        if self.done:
            return []
        events = self._inner.feed(self._unwrapped.feed(data))
        failure = self._unwrapped.failure
        return events if failure is None or self._inner.done else [*events, failure]

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream.
        """
        if self.done:
            return []
        self._unwrapped.close()
        return self._inner.close()


class Stream(Relay):
    """Such an answer on its way to a caller of the Messages API: the events go out unwrapped, otherwise as they are."""

    __slots__ = ("_unwrapped",)

    def __init__(self) -> None:
        super().__init__(anthropic.Decoder())
        self._unwrapped = _Unwrapped()

    def feed(self, data: bytes) -> bytes:
        """See `AnswerStream.feed`."""
        out = super().feed(self._unwrapped.feed(data))
        failure = self._unwrapped.failure
        if failure is not None and not self.done:
            self.error = self.error or failure.outcome
        return out

    def close(self) -> bytes:
        """See `AnswerStream.close`."""
        if not self.done:
            self._unwrapped.close()
        return super().close()


class Encoder(anthropic.Encoder):
    """Hub events → such a stream, for stand-ins of Bedrock."""

    def encode(self, event: hub.Event) -> bytes:
        """The bytes that may go out once *event* has come; b"" for none yet."""
        return _wrapped(super().encode(event))

    def close(self) -> bytes:
        """The bytes that end the stream."""
        return _wrapped(super().close())


def _wrapped(events: bytes) -> bytes:
    """Whole server-sent events as messages of an event stream."""
    told = (sse.data_of(event) for event in sse.events(events))
    return b"".join(frame("chunk", {"bytes": base64.b64encode(data).decode()}) for data in told if data)
