"""What is meant by a request for speech, and by the answers of the audio surfaces, in no protocol's words."""

from collections.abc import Mapping

import msgspec

from engine.hub import NO_EXTRA, Json
from engine.values import Measures, Usage
from engine.wire.envelope import Envelope
from engine.wire.measures import heard

__all__ = ["SpeechEnvelope", "SpeechRequest", "Transcript"]


class SpeechEnvelope(Envelope, frozen=True, kw_only=True):
    """A request for speech as far as routing looks into it; `stream` is true where events are asked for."""

    measures: Measures
    """The characters to be spoken, by which older models are charged."""


class SpeechRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A text to be spoken. What is None or empty was not said."""

    model: str
    input: str
    voice: str | Json
    """A voice's name; for a custom voice the object `{"id": ...}`."""
    instructions: str = ""
    response_format: str = ""
    """`mp3`, `opus`, `aac`, `flac`, `wav`, `pcm`."""
    speed: float | None = None
    as_events: bool = False
    """Whether the sound is to come in events, `stream_format: sse`, instead of as it is."""
    extra: Mapping[str, Json] = NO_EXTRA
    """What only OpenAI's protocol and its look-alikes know, by name."""


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """What was heard. The caller gets the provider's bytes; this is what is kept of them."""

    text: str
    """Without the times of subtitles."""
    language: str = ""
    usage: Usage | None = None
    """None where seconds are charged and not tokens, or nothing was reported."""
    measures: Measures = heard(None)
