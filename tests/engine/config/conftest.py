from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engine.config import bundle as bundles
from engine.config.build import Built, build
from engine.config.bundle import Bundle

BASE = Path(__file__).parents[2] / "config" / "base"


@pytest.fixture
def base() -> Bundle:
    """The root that cases are laid over: two providers, a virtual model, an alias, a rule, a team."""
    return bundles.read(BASE)


@pytest.fixture
def built(base: Bundle) -> Callable[..., Built]:
    """`built({path: text}, today=None)`: what becomes of the base with these files laid over it."""

    def make(files: dict[str, str] | None = None, today: date | None = None) -> Built:
        other = {path: text.encode() for path, text in (files or {}).items()}
        return build(bundles.laid_over(base, other), today=today)

    return make
