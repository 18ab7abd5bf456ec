"""OpenAI's Responses API, and the providers that speak it: Azure, xAI, OpenRouter, DeepSeek, Bedrock."""

__all__ = ["PROTOCOL"]

PROTOCOL = "openai-responses"
"""This protocol, as the hub and `providers.d` name it."""
