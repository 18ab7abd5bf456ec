"""Problems of the meaning: names, rules, prices, policies."""

from engine.config.slugs.entry import Slug

__all__ = ["MEANING"]

MEANING: dict[str, Slug] = {}
