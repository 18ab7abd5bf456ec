"""OpenAI's chat completions, and the many providers that speak them."""

__all__ = ["PROTOCOL"]

PROTOCOL = "openai"
"""The protocol's word in `providers.d`, and what `origin` and `Foreign.protocol` call it."""
