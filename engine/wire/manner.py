"""How a provider is spoken to, as its file says."""

from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from engine.values import Surface
from engine.wire.dialect import OPENAI, Dialect
from engine.wire.template.values import Template

__all__ = ["Manner"]


class Manner(msgspec.Struct, frozen=True, kw_only=True):
    """A protocol, and what differs from it."""

    protocol: str
    """A word of `wire.codecs`: `openai`, `anthropic`, `gemini`, `bedrock`, …"""
    paths: Mapping[Surface, str] = MappingProxyType({})
    """Surface → path below `base_url`, for surfaces that are not at the protocol's own path."""
    dialect: Dialect = OPENAI
    template: Template | None = None
    """The template, where the protocol is `template`; None for every other."""
