"""InvokeModel for Anthropic's models: their own Messages API, in Bedrock's wrapping.

Requests and whole answers are those of `anthropic_messages`; here is what differs. Errors are Bedrock's.

Source: Bedrock's user guide, "Anthropic Claude Messages API", and API reference, "InvokeModelWithResponseStream",
2026-11.
"""

import base64
import binascii

import msgspec

from engine import hub
from engine.errors import UpstreamMalformed
from engine.wire import eventstream
from engine.wire.anthropic_messages import stream as anthropic
from engine.wire.bedrock.error import read_exception
from engine.wire.bedrock.stream import failed
from engine.wire.json_edit import Fields

__all__ = ["VERSION", "InvokeDecoder", "finish_invoke"]

VERSION = "bedrock-2023-05-31"
"""The one `anthropic_version` that Bedrock takes."""

_IN_THE_PATH = {"model", "stream"}


class _Chunk(msgspec.Struct, gc=False):
    bytes: str = ""


_CHUNK = msgspec.json.Decoder(_Chunk)
_ENCODER = msgspec.json.Encoder()


def finish_invoke(fields: Fields, *, stream: bool) -> bytes:  # noqa: ARG001 - it stands in the path
    """The body for InvokeModel from one of the Messages API, without what stands in the path, see `paths`."""
    sent = {name: value for name, value in fields.items() if name not in _IN_THE_PATH}
    return _ENCODER.encode({**sent, "anthropic_version": VERSION})


class InvokeDecoder:
    """One answer of an Anthropic model, read as it arrives. Feed it every read; `close` it at the end of the body.

    Each message of the event stream holds one event of the Messages API in base64, and the last one
    `amazon-bedrock-invocationMetrics` beside it, which repeat the usage.
    """

    __slots__ = ("_failed", "_inner", "_messages")

    def __init__(self) -> None:
        self._messages = eventstream.Decoder()
        self._inner = anthropic.Decoder()
        self._failed = False

    @property
    def done(self) -> bool:
        """The answer has been told to its end, or has failed."""
        return self._failed or self._inner.done

    def feed(self, data: bytes) -> list[hub.Event]:
        """The events that *data* completes. After `Failed` there are none."""
        events: list[hub.Event] = []
        if self._failed:
            return events
        try:
            for message in self._messages.feed(data):
                events += self._events(message)
                if events and isinstance(events[-1], hub.Failed):
                    break
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error) as exc:
            events.append(failed(f"an event that cannot be read: {exc}"))
        except UpstreamMalformed as fault:
            events.append(failed(fault.detail))
        self._failed = bool(events) and isinstance(events[-1], hub.Failed)
        return events

    def close(self) -> list[hub.Event]:
        """The last events, after the provider has ended the body.

        Raises:
            UpstreamReset: the body ended before the answer did.
            UpstreamMalformed: the body was no event stream.
        """
        if self._failed:
            return []
        if not self._inner.done:
            self._messages.close()
        return self._inner.close()

    def _events(self, message: eventstream.Message) -> list[hub.Event]:
        headers, payload = message
        if headers.get(":message-type", "event") != "event":
            return [hub.Failed(outcome=read_exception(headers, payload))]
        if headers.get(":event-type") != "chunk":
            return []
        event = base64.b64decode(_CHUNK.decode(payload).bytes, validate=True)
        return self._inner.feed(b"data: %b\n\n" % b" ".join(event.splitlines()))
