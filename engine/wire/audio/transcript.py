"""Whole transcripts: JSON, verbose or not, plain text, and subtitles in SRT and WebVTT.

Source: OpenAI's OpenAPI document, CreateTranscriptionResponseJson and its like, and docs.mistral.ai/api,
"audio/transcriptions", read 2026-11.
"""

import re
from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.values import Usage
from engine.wire.audio.values import Transcript
from engine.wire.json_read import decoded
from engine.wire.measures import count, heard, object_in, read_tokens, seconds

__all__ = ["decode_reply", "read_seconds", "read_usage"]

_CUE = re.compile(
    r"^(?:\d+:)?\d{2}:\d{2}[.,]\d{3}[ \t]+-->[ \t]+(?:(\d{1,4}):)?(\d{2}):(\d{2})[.,](\d{3})[^\n]*$",
    re.ASCII | re.MULTILINE,
)
"""The line of a subtitle that says from when to when: SRT has a comma; WebVTT has a point, and hours are optional."""


class _Reply(msgspec.Struct):
    text: str
    language: Any = None
    duration: Any = None
    usage: Any = None


_REPLY = msgspec.json.Decoder(_Reply)


def decode_reply(body: bytes, content_type: str) -> Transcript:
    """What *body*, an answer with status 200 and that Content-Type, says.

    Raises:
        UpstreamMalformed: it is no transcript.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return _plain(body)
    reply = decoded(_REPLY, body, "not a transcript")
    lasts = seconds(reply.duration)
    return Transcript(
        text=reply.text,
        language=reply.language if isinstance(reply.language, str) else "",
        usage=read_usage(reply.usage),
        measures=heard(read_seconds(reply.usage) if lasts is None else lasts),
    )


def read_seconds(usage: object) -> float | None:
    """The length of the sound according to `usage`: OpenAI's `seconds`, Mistral's `prompt_audio_seconds`."""
    if not isinstance(usage, dict):
        return None
    return seconds(usage.get("seconds", usage.get("prompt_audio_seconds")))


def read_usage(reported: object) -> Usage | None:
    """The tokens that `usage` counts; None where it counts seconds.

    Mistral's `prompt_tokens` exclude those of the sound, which are in the details and in the total.
    """
    if not isinstance(reported, dict) or "prompt_tokens" not in reported:
        return read_tokens(reported, made="text")
    audio = count(object_in(reported, "prompt_tokens_details").get("audio_tokens"))
    completion, prompt = count(reported.get("completion_tokens")), count(reported["prompt_tokens"])
    whole = prompt + max(0, count(reported.get("total_tokens")) - completion - prompt)
    audio = min(audio, whole)
    return Usage(input=whole - audio, audio_input=audio, output=completion)


def _plain(body: bytes) -> Transcript:
    """A plain text; for subtitles their text, and the end of the last one as the length of the sound.

    Sound after the last word is not counted, so that length is rather too small; nothing else in the answer tells it.
    """
    try:
        text = body.decode().removeprefix("\ufeff").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise UpstreamMalformed(f"not a transcript: {exc}", received=True) from exc
    cues = list(_CUE.finditer(text))
    if not cues:
        return Transcript(text=text.strip())
    hours, minutes, secs, millis = (int(digits or 0) for digits in cues[-1].groups())
    lasts = hours * 3600 + minutes * 60 + secs + millis / 1000
    return Transcript(text=_spoken(text), measures=heard(lasts))


def _spoken(subtitles: str) -> str:
    """The words of subtitles, line by line."""
    lines = [line.strip() for line in subtitles.splitlines()]
    is_cue = [_CUE.match(line) is not None for line in lines]
    names = {at - 1 for at, found in enumerate(is_cue) if found}
    """The line before a time is the subtitle's number."""
    if lines[0].startswith("WEBVTT"):
        lines[0] = ""
    return "\n".join(line for at, line in enumerate(lines) if line and not is_cue[at] and at not in names)
