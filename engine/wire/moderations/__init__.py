"""Moderation: texts and pictures in, a verdict for each out. Callers and providers speak OpenAI's protocol."""
