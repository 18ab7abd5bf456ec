"""Performs one attempt at a provider. The home of httpx."""
