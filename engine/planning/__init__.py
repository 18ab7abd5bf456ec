"""The pure core run over given facts: routing tests and explanations."""
