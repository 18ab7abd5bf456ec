"""Cohere's chat, version 2 of its API. Only providers speak it, no callers."""
