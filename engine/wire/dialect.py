"""How a provider differs from the protocol that it speaks; data of its file, for whoever writes to it."""

from typing import Literal

import msgspec

__all__ = ["CLOUDS", "HAVE_RESPONSES", "OPENAI", "Dialect"]

CLOUDS = frozenset({"bedrock", "vertex"})
"""The protocols of clouds that can be asked for Claude in its own words, see `Dialect.messages`."""
HAVE_RESPONSES = frozenset({"openai"})
"""The protocols with a Responses API beside chat, see `Dialect.responses`."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """What one provider says otherwise than its protocol.

    Most of it is of OpenAI's look-alikes, which take more than OpenAI, or other words for it: OpenAI refuses fields
    that it does not know.
    """

    max_tokens: str = "max_completion_tokens"
    """`max_tokens` at those who know only the older name."""
    reasoning: Literal["effort", "object"] = "effort"
    """`reasoning_effort`, or OpenRouter's and Vercel's `reasoning`."""
    thoughts: Literal["fields", "parts", "none"] = "none"
    """Earlier reasoning: in `reasoning_content` and `reasoning_details`, as Mistral's content parts, or left out.

    DeepSeek refuses a conversation of its thinking models that lacks it; strict providers refuse fields that they do
    not know, so it is left out unless told otherwise.
    """
    developer: bool = False
    """Knows the role; without it, it is `system`."""
    cache: bool = False
    """Takes Anthropic's `cache_control`."""
    top_k: bool = False
    tool_media: bool = False
    """Takes pictures in answers of tools; without it, they follow in a message of the user's."""
    short_ids: bool = False
    """Takes only ids of calls that are nine letters and digits, as Mistral documents."""
    stream_usage: bool = True
    """Takes `stream_options.include_usage`."""
    thinking: Literal["budget", "adaptive"] = "budget"
    """Of Claude: is told how many tokens to think with, or takes an effort and decides itself."""
    messages: bool = False
    """At a cloud: asks by Anthropic's Messages API, in the cloud's wrapping, and not in the cloud's own words."""
    responses: bool = False
    """At OpenAI: conversations are asked by its Responses API, whichever of them the caller speaks."""
    rerank: Literal["cohere", "voyage"] = "cohere"
    """Whose reranking it speaks."""
    speech: Literal["bytes", "base64"] = "bytes"
    """Speech comes as it is, or in JSON, as Mistral sends it."""


OPENAI = Dialect()
"""Nothing otherwise."""
