"""OpenAI's moderations, and Mistral's, which look like them. Requests and answers pass as they are.

Source: platform.openai.com/docs/api-reference/moderations and docs.mistral.ai/api, "classifiers", read 2026-11.
"""

from typing import Any

import msgspec

from engine.wire.json_read import decoded
from engine.wire.moderations.values import ModerationReply
from engine.wire.openai_chat.usage import read_usage

__all__ = ["decode_reply"]


class _Result(msgspec.Struct):
    flagged: bool | None = None
    categories: dict[str, Any] = {}


class _Reply(msgspec.Struct):
    results: list[_Result]
    id: Any = None
    model: Any = None
    usage: Any = None


_REPLY = msgspec.json.Decoder(_Reply)


def decode_reply(body: bytes) -> ModerationReply:
    """What *body*, an answer with status 200, says.

    Raises:
        UpstreamMalformed: it holds no verdicts.
    """
    reply = decoded(_REPLY, body, "not a moderation")
    return ModerationReply(
        id=reply.id if isinstance(reply.id, str) else "",
        model=reply.model if isinstance(reply.model, str) else "",
        flagged=tuple(_is_flagged(result) for result in reply.results),
        usage=read_usage(reply.usage),
    )


def _is_flagged(result: _Result) -> bool:
    """Whether the provider flags it; if it leaves that to its reader, as Mistral does, whether any category is met."""
    if result.flagged is not None:
        return result.flagged
    return any(met is True for met in result.categories.values())
