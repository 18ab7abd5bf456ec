"""Every kind of problem that a configuration can have: one table, by the stage that finds it."""

from engine.config.slugs.entry import Slug
from engine.config.slugs.meaning import MEANING
from engine.config.slugs.shape import SHAPE
from engine.config.slugs.writing import WRITING

__all__ = ["SLUGS", "Slug"]

SLUGS: dict[str, Slug] = {**WRITING, **SHAPE, **MEANING}
