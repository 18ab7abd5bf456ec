import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import UpstreamMalformed
from engine.wire.audio.mistral import decode_speech


def test_sound_is_unpacked() -> None:
    """OpenAI's callers get the sound itself."""
    assert decode_speech(b'{"audio_data":"SUQzBA=="}') == b"ID3\x04"


@given(whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(whole: bytes) -> None:
    """Any other bytes are malformed."""
    for body in (
        whole,
        b"{}",
        b'{"audio_data":7}',
        b'{"audio_data":"SUQzB"}',
        b'{"audio_data":"!"}',
        b'{"audio_data":"\\u00e9"}',
    ):
        with pytest.raises(UpstreamMalformed):
            decode_speech(body)
