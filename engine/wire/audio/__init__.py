"""Sound: transcribed and translated to text, and text spoken. Callers and most providers speak OpenAI's protocol."""
