"""Embeddings: texts in, vectors out. Callers speak OpenAI's protocol; providers one of the modules here."""
