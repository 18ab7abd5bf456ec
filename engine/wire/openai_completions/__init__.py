"""OpenAI's older text completions, which continue a prompt. Many providers of open models still offer them."""
