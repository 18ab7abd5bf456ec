"""Google's Gemini API (`generateContent`), as AI Studio and Vertex AI serve it."""
