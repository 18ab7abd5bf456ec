"""What routing looks at of a request, whatever its protocol: cheap to read, and the rest stays bytes."""

from collections.abc import Mapping
from typing import NamedTuple

import msgspec

from engine.values import NOTHING, Usage, UsageSource, Wishes
from engine.wire.json_edit import Fields

__all__ = ["Encoded", "Envelope", "estimated"]


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A request as far as routing looks into it."""

    fields: Fields
    model: str
    stream: bool = False
    asks_usage: bool = False
    """The caller wants the chunk with usage at the end of the stream."""
    max_tokens: int | None = None
    """From `max_completion_tokens`, or the older `max_tokens`."""
    input_tokens_low: int
    input_tokens: int
    input_tokens_high: int
    has_tools: bool = False
    has_images: bool = False
    has_audio: bool = False
    has_files: bool = False
    wants_json: bool = False
    reasoning: bool = False
    """Whether reasoning is asked for explicitly, by `reasoning_effort` or `reasoning`."""
    user: str = ""
    session: str = ""
    """`session_id`, or else `metadata.session_id`."""
    metadata: Mapping[str, str] = NOTHING
    """The entries of `metadata` that are strings."""
    wishes: Wishes | None = None


class Encoded(NamedTuple):
    """A request as written in a provider's protocol."""

    fields: Fields
    """Without what `finish` adds: the model's name and whether it is streamed."""
    dropped: tuple[str, ...]
    """The caller's names for what that protocol cannot say, in order; the encoder lists the possible ones."""


def estimated(request: Envelope, content_events: int, *, source: UsageSource = UsageSource.ESTIMATED) -> Usage:
    """The usage of an answer whose provider reported none: the likely input, and a token for each content event.

    *source* is `PARTIAL` for a stream that was cut short. For a whole answer, pass its `estimate.answer_tokens` as
    *content_events*.
    """
    return Usage(input=request.input_tokens, output=content_events, source=source)
