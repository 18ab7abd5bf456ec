"""OpenAI's older text completions: a prompt goes on. Many providers of open models still speak them."""
