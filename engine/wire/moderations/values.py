"""What the journal keeps of a moderation; the caller gets the provider's bytes."""

import msgspec

from engine.values import Usage

__all__ = ["ModerationReply"]


class ModerationReply(msgspec.Struct, frozen=True, kw_only=True):
    """The verdicts, in the order of the inputs."""

    id: str = ""
    model: str = ""
    flagged: tuple[bool, ...]
    usage: Usage | None = None
    """OpenAI moderates free of charge and reports none; Mistral does report it."""
