"""Mistral's speech, which comes as base64 in JSON where OpenAI sends the sound itself.

Source: https://docs.mistral.ai/api, "audio/speech", read 2026-11.
"""

import binascii

import msgspec

from engine.errors import UpstreamMalformed

__all__ = ["decode_speech"]


class _Reply(msgspec.Struct):
    audio_data: str


_REPLY = msgspec.json.Decoder(_Reply)


def decode_speech(body: bytes) -> bytes:
    """The sound in *body*, an answer with status 200, as OpenAI's callers get it.

    Raises:
        UpstreamMalformed: there is no sound in it.
    """
    try:
        return binascii.a2b_base64(_REPLY.decode(body).audio_data, strict_mode=True)
    except (msgspec.DecodeError, ValueError, RecursionError) as exc:
        raise UpstreamMalformed(f"not an answer with sound: {exc}", received=True) from exc
