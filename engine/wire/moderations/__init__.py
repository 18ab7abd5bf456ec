"""Moderation: texts and pictures in, whether they are flagged out. Callers and providers speak OpenAI's protocol."""
