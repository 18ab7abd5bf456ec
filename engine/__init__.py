"""A declarative gateway to every large-language-model provider: a small compiler with a server attached."""

__version__ = "0.1.0"
