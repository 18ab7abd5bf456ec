"""Amazon Bedrock: Converse for every model it has, and InvokeModel for Anthropic's."""
