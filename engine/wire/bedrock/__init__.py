"""Amazon Bedrock: Converse for all its models, and InvokeModel for Anthropic's."""

PROTOCOL = "bedrock"
"""The protocol's name in `providers.d`; `origin` and `Foreign.protocol` use it, too."""
