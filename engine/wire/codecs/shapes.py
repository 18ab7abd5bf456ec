"""What the gateway needs of a protocol: how requests of a surface are read and answered, how a provider is asked.

What passes between the two (a `hub.Request`, an `EmbedRequest`, …) concerns only the codecs of one kind of surface, so
it is `Any` here.
"""

from collections.abc import Callable
from typing import Any, NoReturn, Protocol

import msgspec

from engine import hub
from engine.errors import Bug
from engine.values import NO_MEASURES, Headers, Measures, Outcome, Usage
from engine.wire.content import Body, Pieces
from engine.wire.dialect import Dialect
from engine.wire.envelope import Encoded, Envelope
from engine.wire.json_edit import Fields
from engine.wire.multipart import Form
from engine.wire.stream import AnswerStream, Decoder, Encoder, Relay, Translation
from engine.wire.told import Told
from engine.wire.upload import Upload

__all__ = [
    "Answered",
    "Answerer",
    "Beside",
    "CallerCodec",
    "Finisher",
    "ProviderCodec",
    "Reader",
    "Sent",
    "content_type",
    "no_error",
    "untranslated",
]


JSON = "application/json"


def content_type(headers: Headers) -> str:
    """The Content-Type of an answer; JSON's where it does not say."""
    return next((value.decode("latin-1") for name, value in headers if name == b"content-type"), JSON)


class Beside(msgspec.Struct, frozen=True, gc=False):
    """What a request says beside its body."""

    model: str = ""
    """The model in its path, on surfaces whose bodies do not name it."""
    stream: bool = False
    """Likewise, whether the path asks for a stream."""
    content_type: str = JSON


class Sent(msgspec.Struct, frozen=True, gc=False):
    """A body as it goes to a provider."""

    body: Body
    content_type: str = JSON


class Answered(msgspec.Struct, frozen=True, gc=False):
    """A whole answer on its way to the caller, and what the journal keeps of it."""

    body: bytes
    content_type: str = JSON
    finish_reason: str | None = None
    """Of the first choice, in the provider's word."""
    usage: Usage | None = None
    measures: Measures = NO_MEASURES


Answerer = Callable[[bytes, Envelope, Headers], Answered | Outcome]
"""Reads a whole answer that passes as it is, or the failure that it reports. Takes its body, what was asked, and its
headers. Raises UpstreamMalformed."""


class Reader(Protocol):
    """Reads a caller's request as far as routing needs it. Raises BadRequest."""

    def __call__(self, body: bytes, beside: Beside) -> Envelope:
        """The request, as far as it is read."""
        ...


class Finisher(Protocol):
    """Writes the body that goes to a provider."""

    def __call__(self, fields: Fields, *, model: str, stream: bool) -> bytes:
        """The body."""
        ...


def untranslated(*_: object) -> NoReturn:
    """Stands where a surface is never translated: requests and answers pass as they are, or are estimated."""
    raise Bug("what is never translated was to be")


def no_error(_body: bytes) -> Outcome | None:
    """None: stands where an answer with status 200 is never an error."""
    return None


def no_headers(_meant: object) -> Headers:
    """None at all: stands where the body says everything."""
    return ()


class CallerCodec(msgspec.Struct, frozen=True, kw_only=True):
    """How a surface's requests are read and answered."""

    read: Reader
    read_form: Callable[[Form], Envelope] = untranslated
    """Reads a request that came as a form, piece by piece. Raises BadRequest."""
    decode_request: Callable[[Fields], Any] = untranslated
    """What the request means, for a provider of another protocol. Raises BadRequest."""
    encode_reply: Callable[[Any, Envelope, int], bytes] = untranslated
    """Takes the answer, what was asked, and the time in seconds since 1970."""
    encoder: Callable[[Envelope, int], Encoder] | None = None
    """None where there are no streams."""
    error_body: Callable[[Told], bytes]
    error_event: Callable[[Told], bytes]
    """One of our own errors as the last event of a stream; `error_body` is the same as a whole answer."""
    stream_type: str = "text/event-stream; charset=utf-8"
    """Content-Type of streams that were asked for; others keep the provider's."""
    estimate: Callable[[Envelope], bytes] | None = None
    """The answer that we can give if the provider cannot; None where only a provider can."""

    @property
    def takes_forms(self) -> bool:
        """Whether a request may be a form."""
        return self.read_form is not untranslated


class ProviderCodec(msgspec.Struct, frozen=True, kw_only=True):
    """How a provider is asked, and how its answers are read."""

    path: str
    """Path below `base_url`; `{model}` stands for the provider's name of the model, quoted."""
    stream_path: str = ""
    """Path for streams; empty where it is the same."""
    finish: Finisher
    finish_form: Callable[[Upload, Fields, str], Pieces] | None = None
    """The same for forms; takes the provider's name for the model."""
    raw: bool = False
    """Answers are not text: they pass as they come, whether a stream was asked for or not."""
    finish_unasked: Finisher | None = None
    """`finish` without asking for a stream's usage, for providers that refuse to be asked."""
    encode_request: Callable[[Any, int | None, Dialect], Encoded] = untranslated
    """Takes what is meant, the model's output limit in tokens if that is known, and the provider's dialect."""
    headers: Callable[[Any], Headers] = no_headers
    """The headers that say what the body does not; takes what is meant."""
    decode_reply: Callable[[bytes], Any] = untranslated
    summary: Callable[[Any], tuple[str | None, Usage | None]] = untranslated
    """The finish reason and usage of what `decode_reply` read."""
    answer: Answerer | None = None
    """Reads an answer that passes as it is, where this is quicker than `decode_reply`, or does more."""
    decoder: Callable[[], Decoder] | None = None
    """None where there are no streams."""
    relay: Callable[[Envelope], AnswerStream] | None = None
    """A quicker way to relay a stream than decoding every event."""
    read_error: Callable[[int, Headers, bytes], Outcome]
    read_reply_error: Callable[[bytes], Outcome | None] = no_error
    """The failure that an answer with status 200 reports."""
    encode_reply: Callable[[Any], bytes] | None = None
    encoder: Callable[[str], Encoder] | None = None
    """Writes streams as the provider does; takes the model's name. `encode_reply` and this serve stand-in providers."""

    @property
    def is_translated(self) -> bool:
        """Whether requests of another protocol can be put into this one."""
        return self.encode_request is not untranslated

    @property
    def streams(self) -> bool:
        """Whether it can stream."""
        return self.relay is not None or self.decoder is not None

    def finished(self, asked: Envelope, fields: Fields, dialect: Dialect, model: str) -> Sent:
        """The body that goes to a provider: *fields* of the request *asked*, with its own name for the model."""
        if self.finish_form is not None and isinstance(asked, Upload):
            return Sent(self.finish_form(asked, fields, model), asked.content_type)
        finish = self.finish if dialect.stream_usage else self.finish_unasked or self.finish
        return Sent(finish(fields, model=model, stream=asked.stream))

    def passed(self, body: bytes, asked: Envelope, headers: Headers) -> Answered | Outcome:
        """The answer of a provider that speaks the caller's protocol, or the failure that it reports.

        Raises:
            UpstreamMalformed: it is neither.
        """
        if self.answer is not None:
            return self.answer(body, asked, headers)
        failure = self.read_reply_error(body)
        if failure is not None:
            return failure
        finish_reason, usage = self.summary(self.decode_reply(body))
        return Answered(body, finish_reason=finish_reason, usage=usage)

    def relayed(self, asked: Envelope) -> AnswerStream:
        """The stream of a provider that speaks the caller's protocol."""
        if self.relay is not None:
            return self.relay(asked)
        assert self.decoder is not None, "a stream on a surface without streams"
        return Relay(self.decoder())

    def translated(self, encoder: Encoder, opened: hub.Opened) -> AnswerStream:
        """The stream of a provider with another protocol; *opened* has what that protocol leaves out."""
        assert self.decoder is not None, "a stream on a surface without streams"
        return Translation(self.decoder(), encoder, opened)
