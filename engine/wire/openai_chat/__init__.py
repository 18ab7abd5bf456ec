"""OpenAI's chat completions, and the many providers that speak them."""
