"""Anthropic's Messages API, for callers with its SDKs and for the providers that speak it."""

PROTOCOL = "anthropic"
"""The protocol's name in `providers.d`; `origin` and `Foreign.protocol` use it, too."""
