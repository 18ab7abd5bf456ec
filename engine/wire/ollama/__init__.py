"""Ollama's own chat, `/api/chat`: streams are lines of JSON. Spoken to providers only."""
