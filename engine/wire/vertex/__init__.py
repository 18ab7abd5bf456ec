"""Google's Vertex AI, as far as it is not Gemini: Anthropic's models, by their own Messages API."""
