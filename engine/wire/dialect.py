"""How a provider differs from the protocol that it speaks; said in its file, for whoever writes requests to it."""

from typing import Literal

import msgspec

__all__ = ["CLOUDS", "HAVE_RESPONSES", "OPENAI", "Dialect"]

CLOUDS = frozenset({"bedrock", "vertex"})
"""The protocols of clouds where Claude can be asked in its own words, see `Dialect.messages`."""
HAVE_RESPONSES = frozenset({"openai"})
"""The protocols with a Responses API beside chat, see `Dialect.responses`."""


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """Where one provider departs from its protocol.

    Most of it concerns OpenAI's look-alikes, which take more than OpenAI does, or other words for the same; OpenAI
    refuses fields that it does not know.
    """

    max_tokens: str = "max_completion_tokens"
    """`max_tokens` at providers that know only the older name."""
    reasoning: Literal["effort", "object"] = "effort"
    """`reasoning_effort`, or OpenRouter's and Vercel's `reasoning`."""
    thoughts: Literal["fields", "parts", "none"] = "none"
    """Earlier reasoning: in `reasoning_content` and `reasoning_details`, as Mistral's content parts, or left out.

    DeepSeek's thinking models refuse a conversation that lacks it. Strict providers refuse fields that they do not
    know, so it is left out unless the provider's file says otherwise.
    """
    developer: bool = False
    """Knows the role `developer`; where it is not known, `system` is sent."""
    cache: bool = False
    """Takes Anthropic's `cache_control`."""
    top_k: bool = False
    tool_media: bool = False
    """Takes pictures in answers of tools; elsewhere they follow in a message of the user's."""
    short_ids: bool = False
    """Takes only call ids of nine letters and digits, as Mistral documents."""
    stream_usage: bool = True
    """Takes `stream_options.include_usage`."""
    thinking: Literal["budget", "adaptive"] = "budget"
    """Claude is told how many tokens to think with, or is given an effort and decides for itself."""
    messages: bool = False
    """At a cloud: Claude is asked by Anthropic's Messages API, in the cloud's wrapping, not in the cloud's words."""
    responses: bool = False
    """At OpenAI: conversations go to its Responses API, whichever API the caller speaks."""
    rerank: Literal["cohere", "voyage"] = "cohere"
    """Whose reranking it speaks."""
    speech: Literal["bytes", "base64"] = "bytes"
    """Speech comes as plain sound, or as base64 in JSON, as Mistral sends it."""


OPENAI = Dialect()
"""The protocol itself, with no departure."""
