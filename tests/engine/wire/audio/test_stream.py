from engine.values import Measures, Usage
from engine.wire.audio.stream import SpeechStream, TranscriptStream


def test_transcripts_by_token() -> None:
    """Words go out as they come; the end tells the tokens."""
    body = (
        b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n'
        b'data: {"type":"transcript.text.delta","delta":"lo"}\n\n'
        b'data: {"type":"transcript.text.done","text":"Hello","usage":{"type":"tokens","input_tokens":14,'
        b'"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":5,"total_tokens":19}}\n\n'
    )
    stream = TranscriptStream()
    assert stream.feed(body) + stream.close() == body
    assert stream.usage == Usage(audio_input=14, output=5)
    assert stream.content_events == 2


def test_transcripts_by_second() -> None:
    """A model that is paid by the second tells those."""
    stream = TranscriptStream()
    stream.feed(b'data: {"type":"transcript.text.done","text":"a","usage":{"type":"duration","seconds":7}}\n\n')
    stream.close()
    assert (stream.usage, stream.measures) == (None, Measures(audio_ms=7000))


def test_mistrals_transcripts() -> None:
    """Mistral's events have names of their own, and its seconds stand beside its tokens."""
    stream = TranscriptStream()
    stream.feed(
        b'event: transcription.text.delta\ndata: {"type":"transcription.text.delta","text":"a"}\n\n'
        b'event: transcription.done\ndata: {"type":"transcription.done","model":"voxtral","text":"a","usage":'
        b'{"prompt_audio_seconds":3,"prompt_tokens":3,"completion_tokens":1,"total_tokens":379,'
        b'"prompt_tokens_details":{"audio_tokens":375}}}\n\n'
    )
    stream.close()
    assert stream.usage == Usage(input=3, audio_input=375, output=1)
    assert stream.measures == Measures(audio_ms=3000)


def test_speech() -> None:
    """Sound in events passes, and all that is made of it is sound."""
    body = (
        b'data: {"type":"speech.audio.delta","audio":"SUQz"}\n\n'
        b'data: {"type":"speech.audio.done","usage":{"input_tokens":14,"output_tokens":101,"total_tokens":115}}\n\n'
    )
    stream = SpeechStream(Measures(characters=3))
    assert stream.feed(body) + stream.close() == body
    assert (stream.usage, stream.measures) == (Usage(input=14, audio_output=101), Measures(characters=3))


def test_a_transcript_that_breaks_off_has_no_length() -> None:
    """How long the sound is stands at the end: before it nothing is known, and nothing is 0."""
    stream = TranscriptStream()
    stream.feed(b'data: {"type":"transcript.text.delta","delta":"Hel"}\n\n')
    assert stream.measures == Measures(audio_ms=None)
