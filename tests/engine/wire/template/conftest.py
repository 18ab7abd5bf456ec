"""A template as its file says it."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml

from engine.config.build import build
from engine.config.bundle import Bundle
from engine.wire.template.values import Template

HEAD = {"id": "own", "protocol": "template", "base_url": "https://own.example", "models": {"o/w": {"price": "free"}}}


@pytest.fixture(scope="session")
def template() -> Callable[[str], Template]:
    """Compiles the YAML of a template, as `engine validate` does."""

    def compiled(text: str) -> Template:
        file: dict[str, Any] = {**HEAD, "template": yaml.safe_load(text)}
        files = {"routes.yaml": b"version: 1\n", "providers.d/own.yaml": yaml.safe_dump(file, sort_keys=False).encode()}
        built = build(Bundle(files=files))
        assert built.parts is not None, built.problems
        found = built.parts.providers[0].provider.template
        assert found is not None
        return found

    return compiled
