"""Streams of transcripts and of speech: pieces first, then the end with its usage."""

from engine.values import NO_MEASURES, Measures
from engine.wire.audio.transcript import read_seconds, read_usage
from engine.wire.measures import heard, read_tokens
from engine.wire.media_stream import MediaStream, Said

__all__ = ["SpeechStream", "TranscriptStream"]


class TranscriptStream(MediaStream):
    """`transcript.text.*` events, and Mistral's `transcription.*`."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__()
        self.measures = heard(None)

    def _end(self, said: Said) -> None:
        self.usage = read_usage(said.usage) or self.usage
        self.measures = heard(read_seconds(said.usage))


class SpeechStream(MediaStream):
    """`speech.audio.*` events."""

    __slots__ = ()

    def __init__(self, measures: Measures = NO_MEASURES) -> None:
        super().__init__()
        self.measures = measures
        """What was asked for is what is charged, if the event at the end reports no tokens."""

    def _end(self, said: Said) -> None:
        self.usage = read_tokens(said.usage, made="audio") or self.usage
