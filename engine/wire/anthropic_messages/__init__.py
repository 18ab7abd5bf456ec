"""Anthropic's Messages API, for callers with its SDKs and for the providers that speak it."""

PROTOCOL = "anthropic"
"""Its name in `providers.d`, and of what only it knows."""
