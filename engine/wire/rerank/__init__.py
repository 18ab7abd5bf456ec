"""Reranking: a query and documents in, their order out. Callers speak Cohere's protocol; providers it or Voyage's."""
