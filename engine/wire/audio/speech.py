"""A caller's text to be spoken, JSON in OpenAI's protocol. The answer is sound, which passes as it is.

Source: OpenAI's OpenAPI document, CreateSpeechRequest, read 2026-11.
"""

from typing import Any

import msgspec

from engine.hub import Json
from engine.values import Measures
from engine.wire import body, estimate
from engine.wire.audio.values import SpeechEnvelope, SpeechRequest
from engine.wire.body import WISHES, finish, raw_fields, shaped
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields

__all__ = ["decode_request", "encode_request", "finish", "media_type", "read_envelope"]

_READ = ("model", "input", "voice", "instructions", "response_format", "speed", "stream_format")


MEDIA_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/opus",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
"""`response_format` → Content-Type, as OpenAI answers; that of `mp3` where no format is said."""


class _Request(msgspec.Struct):
    input: str
    voice: Json
    model: str = ""
    instructions: str | None = None
    response_format: str | None = None
    speed: float | None = None
    stream_format: str | None = None


_REQUEST = msgspec.json.Decoder(_Request)
_TEXT = msgspec.json.Decoder(str)


@body.depth_checked
def read_envelope(request: bytes) -> SpeechEnvelope:
    """The request in *request*.

    Raises:
        BadRequest: not UTF-8, not JSON (NaN, lone surrogates, too deep), not an object, a field that routing needs is
            missing or of the wrong type, a number is too large. `param` names the field.
    """
    fields = body.read_fields(request)
    known = body.read_small(fields, unread=frozenset())
    if "input" not in fields:
        raise body.missing("input")
    text = known["input"]
    if not isinstance(text, str) or not text:
        raise body.wrong("input", "text that is not empty")
    low, likely, high = estimate.estimate(len(text.encode()))
    return SpeechEnvelope(
        fields=fields,
        model=body.model(known),
        stream=known.get("stream_format") == "sse",
        input_tokens_low=low,
        input_tokens=likely,
        input_tokens_high=high,
        user=body.text(known, "user"),
        metadata=body.metadata(known),
        wishes=body.wishes(known),
        measures=Measures(characters=len(text)),
    )


def media_type(asked: SpeechEnvelope) -> str:
    """The Content-Type of the sound that answers *asked*, where the provider does not say it."""
    wanted = bytes(asked.fields.get("response_format", b"")).decode().strip('"')
    return MEDIA_TYPES.get(wanted, MEDIA_TYPES["mp3"])


def decode_request(fields: Fields) -> SpeechRequest:
    """The request that *fields* make.

    Raises:
        BadRequest: they are not of the protocol's shape.
    """
    said = shaped(fields, _READ, _REQUEST)
    is_named = memoryview(said.voice)[0] == ord('"')
    return SpeechRequest(
        model=said.model,
        input=said.input,
        voice=_TEXT.decode(said.voice) if is_named else said.voice.copy(),
        instructions=said.instructions or "",
        response_format=said.response_format or "",
        speed=said.speed,
        as_events=said.stream_format == "sse",
        extra={name: value for name, value in fields.items() if name not in _READ and name != WISHES},
    )


def encode_request(request: SpeechRequest) -> Encoded:
    """*request* as OpenAI has it; nothing is dropped."""
    written: dict[str, Any] = {"input": request.input, "voice": request.voice}
    written |= {name: getattr(request, name) for name in ("instructions", "response_format") if getattr(request, name)}
    if request.speed is not None:
        written["speed"] = request.speed
    if request.as_events:
        written["stream_format"] = "sse"
    return Encoded({**raw_fields(written), **request.extra}, ())
