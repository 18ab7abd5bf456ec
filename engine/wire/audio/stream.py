"""Streams of transcripts and of speech: pieces first, then the end with its usage."""

from engine.wire.audio.transcript import read_seconds, read_usage
from engine.wire.measures import Measures, read_tokens
from engine.wire.media_stream import MediaStream, Said

__all__ = ["SpeechStream", "TranscriptStream"]


class TranscriptStream(MediaStream):
    """`transcript.text.*` events, and Mistral's `transcription.*`."""

    __slots__ = ()

    def _end(self, said: Said) -> None:
        self.usage = read_usage(said.usage) or self.usage
        self.measures = Measures(audio_seconds=read_seconds(said.usage))


class SpeechStream(MediaStream):
    """`speech.audio.*` events."""

    __slots__ = ()

    def _end(self, said: Said) -> None:
        self.usage = read_tokens(said.usage, made="audio") or self.usage
