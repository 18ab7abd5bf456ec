"""Google's Vertex AI beside Gemini: Anthropic's models, by their own Messages API."""
