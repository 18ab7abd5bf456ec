"""Amazon Bedrock: Converse for every model it has, and InvokeModel for Anthropic's."""

PROTOCOL = "bedrock"
"""Its name in `providers.d`, and of what only it knows."""
