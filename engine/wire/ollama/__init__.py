"""Ollama's own chat, `/api/chat`, whose streams are lines of JSON. Only providers speak it, no callers."""
