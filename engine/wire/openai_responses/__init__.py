"""OpenAI's Responses API, and the providers that speak it: Azure, xAI, OpenRouter, DeepSeek, Bedrock."""

__all__ = ["PROTOCOL"]

PROTOCOL = "openai-responses"
"""The protocol's name in `providers.d`; `origin` and `Foreign.protocol` use it, too."""
