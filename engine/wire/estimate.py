"""How many tokens something probably is, from its size alone. No tokenizer: these counts serve to decide early.

What is finally paid for is what the provider reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

__all__ = ["NO_MEDIA", "Media", "Range", "answer_tokens", "estimate", "media"]

LOW_BYTES_PER_TOKEN = 6.0
"""English prose, with a modern tokenizer's vocabulary. It decides whether a request can fit a context, so it must not
overcount."""
LIKELY_BYTES_PER_TOKEN = 3.5
"""A mix of prose, code and JSON framing."""

ANSWER_BYTES_PER_TOKEN = 6.0
"""For a plain answer, including the JSON around its text: among recorded chat answers, the median is 6.7 for those of
more than 100 tokens and 5.7 for those of more than 200."""

IMAGE_TOKENS = (85, 765, 1445)
"""Low, likely, high. OpenAI's vision guide, tile models: 85 at `detail: low`; 85 + 170 for each tile of 512 px, so 765
for 1024x1024, and 1445 for the eight tiles of 768x2048, the largest size after scaling."""

AUDIO_TOKENS_PER_S = (10, 10, 32)
"""Low and likely: OpenAI counts one token for each 100 ms of input audio; high: Gemini counts 32 a second."""

AUDIO_BYTES_PER_S = {"wav": 48_000, "pcm16": 48_000}
"""16-bit mono at 24 kHz, what the OpenAI audio models take; other formats are compressed, see below."""
COMPRESSED_AUDIO_BYTES_PER_S = 8_000
"""64 kbit/s, the usual rate of speech in MP3."""

FILE_TOKENS_PER_PAGE = (258, 1_500, 3_000)
"""Low: Gemini counts 258 a page; likely and high: Anthropic's PDF guide says 1,500 to 3,000."""
FILE_BYTES_PER_PAGE = 100_000
"""Our own choice: printed text takes 20 to 100 kB a page in PDF, scans take more. Files sent by id count one page."""

BASE64_BYTES = 3 / 4
"""Bytes in one character of base64."""


Range = tuple[int, int, int]
"""A count of tokens: low (rather too small), likely, high (a bound)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Media:
    """What a request carries beside text: its size in the body, and the tokens that count in place of that size."""

    body_bytes: int = 0
    tokens: Range = (0, 0, 0)
    images: bool = False
    audio: bool = False
    files: bool = False


NO_MEDIA = Media()


def answer_tokens(body_bytes: int) -> int:
    """The likely output tokens of a plain answer whose provider reported none."""
    return round(body_bytes / ANSWER_BYTES_PER_TOKEN)


def estimate(size_bytes: int, carried: Media = NO_MEDIA) -> Range:
    """The input tokens of a request body of *size_bytes*; media do not count by size but by the constants above."""
    text_bytes = size_bytes - carried.body_bytes
    low, likely, high = carried.tokens
    return (
        low + int(text_bytes / LOW_BYTES_PER_TOKEN),
        likely + round(text_bytes / LIKELY_BYTES_PER_TOKEN),
        high + text_bytes,
    )


def media(contents: Sequence[msgspec.Raw]) -> Media:
    """What the content lists of a chat's messages carry.

    *contents* are JSON arrays of parts; a part of an unknown kind counts as text.

    Raises:
        msgspec.DecodeError: an array cannot be read.
    """
    found = [part for content in contents for part in msgspec.json.decode(content, type=list[msgspec.Raw])]
    counted = [(len(bytes(raw)), *_counted(raw)) for raw in found]
    kinds = {kind for _, kind, _ in counted}
    return Media(
        body_bytes=sum(size for size, kind, _ in counted if kind),
        tokens=_sums([count for _, _, count in counted]),
        images="image" in kinds,
        audio="audio" in kinds,
        files="file" in kinds,
    )


def _sums(counts: Sequence[Range]) -> Range:
    return sum(c[0] for c in counts), sum(c[1] for c in counts), sum(c[2] for c in counts)


def _counted(raw: msgspec.Raw) -> tuple[str, Range]:
    """The kind of a part (`""` for text) and its tokens."""
    part: Any = msgspec.json.decode(raw)
    match part:
        case {"type": "image_url" | "input_image" | "image"}:
            return "image", IMAGE_TOKENS
        case {"type": "input_audio", "input_audio": {"data": str(data)} as audio}:
            seconds = len(data) * BASE64_BYTES / _audio_bytes_per_s(audio.get("format"))
            return "audio", _times(AUDIO_TOKENS_PER_S, seconds)
        case {"type": "file", "file": {"file_data": str(data)}}:
            return "file", _times(FILE_TOKENS_PER_PAGE, 1 + len(data) * BASE64_BYTES // FILE_BYTES_PER_PAGE)
        case {"type": "file"}:
            return "file", FILE_TOKENS_PER_PAGE
    return "", (0, 0, 0)


def _audio_bytes_per_s(form: object) -> int:
    return AUDIO_BYTES_PER_S.get(form, COMPRESSED_AUDIO_BYTES_PER_S) if isinstance(form, str) else 48_000


def _times(per_unit: Range, units: float) -> Range:
    low, likely, high = per_unit
    return round(low * units), round(likely * units), round(high * units)
