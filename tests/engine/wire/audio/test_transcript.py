import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.audio.transcript import decode_reply, read_seconds, read_usage
from engine.wire.audio.values import Transcript
from engine.wire.measures import heard

JSON = "application/json; charset=utf-8"

SRT = """1
00:00:00,000 --> 00:00:02,500
Hello there.

2
00:01:02,500 --> 01:01:05,250
- How are you?
- 42

"""
VTT = """WEBVTT - greeting

00:00.000 --> 00:02.500
Hello there.

00:02.500 --> 00:05.250 align:start
- How are you?
- 42
"""


DIARIZED = (
    b'{"text":"a","duration":3.5,"usage":{"type":"tokens","input_tokens":37,"output_tokens":9,'
    b'"input_token_details":{"text_tokens":2,"audio_tokens":35}}}'
)


@pytest.mark.parametrize(
    ("body", "transcript"),
    [
        (b'{"text":"a"}', Transcript(text="a")),
        (
            b'{"text":"a","usage":{"type":"duration","seconds":7}}',
            Transcript(text="a", measures=heard(7.0)),
        ),
        (
            b'{"task":"transcribe","language":"english","duration":3.7,"text":"a","segments":[{"text":"a"}]}',
            Transcript(text="a", language="english", measures=heard(3.7)),
        ),
        (b'{"text":"a","language":null,"duration":"3.7"}', Transcript(text="a", measures=heard(3.7))),
        (
            DIARIZED,
            Transcript(text="a", usage=Usage(input=2, audio_input=35, output=9), measures=heard(3.5)),
        ),
    ],
)
def test_json(body: bytes, transcript: Transcript) -> None:
    """Text, language, length and tokens, as far as a model tells them."""
    assert decode_reply(body, JSON) == transcript


def test_mistral() -> None:
    """Mistral counts sound beside `prompt_tokens`, in the details and in the total, and tells its seconds."""
    usage = {
        "prompt_audio_seconds": 3,
        "prompt_tokens": 3,
        "completion_tokens": 11,
        "total_tokens": 389,
        "prompt_tokens_details": {"audio_tokens": 375},
    }
    assert read_usage(usage) == Usage(input=3, audio_input=375, output=11)
    assert read_seconds(usage) == 3.0
    assert read_usage({"prompt_tokens": 3}) == Usage(input=3)


@pytest.mark.parametrize(("text", "content_type"), [(SRT, "text/plain; charset=utf-8"), (SRT, "application/x-subrip")])
def test_srt(text: str, content_type: str) -> None:
    """Subtitles tell their words, and by the end of the last one how long the sound is."""
    spoken = "Hello there.\n- How are you?\n- 42"
    assert decode_reply(text.encode(), content_type) == Transcript(text=spoken, measures=heard(3665.25))
    assert decode_reply(text.replace("\n", "\r\n").encode(), content_type).measures == heard(3665.25)


def test_vtt() -> None:
    """WebVTT begins with its name, may leave hours out and say where the words stand."""
    spoken = "Hello there.\n- How are you?\n- 42"
    assert decode_reply(VTT.encode(), "text/vtt") == Transcript(text=spoken, measures=heard(5.25))


def test_plain_text() -> None:
    """Text alone tells no length."""
    assert decode_reply("Grüße\n".encode(), "text/plain") == Transcript(text="Grüße")
    assert decode_reply(b"", "text/plain") == Transcript(text="")


REPLY = b'{"text":"a","usage":{"type":"duration","seconds":7}}'


@given(at=st.integers(0, len(REPLY) - 1), whole=st.binary(max_size=30))
def test_no_json_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (REPLY[:at], whole, b"{}", b'{"text":null}', b'{"text":"\\ud800"}'):
        with pytest.raises(UpstreamMalformed):
            decode_reply(body, JSON)


@given(body=st.text("0123456789:,.-> \nWEBVTTa\r", max_size=60) | st.sampled_from([SRT[:40], VTT[3:]]))
def test_no_text_is_too_strange(body: str) -> None:
    """Any text is a transcript; what is not UTF-8 is none."""
    assert decode_reply(body.encode(), "text/plain").usage is None
    with pytest.raises(UpstreamMalformed):
        decode_reply(body.encode() + b"\xff", "text/plain")
