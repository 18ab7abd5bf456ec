"""Pictures: made, edited and varied. Callers and most providers speak OpenAI's protocol."""
