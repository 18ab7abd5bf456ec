"""The table of slugs: complete, and fit to be read."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import engine
from engine.config.slugs import SLUGS

PACKAGE = Path(engine.__file__).parent
EMITTING = {"error", "key_error", "warning", "_problem", "_stop", "Sentence", "Flaw"}
"""Calls whose first argument is a slug, where it is a text that looks like one."""
FORM = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def _emitted() -> Iterator[tuple[str, str]]:
    """Slugs that stand in the code, each with its module."""
    for folder in ("config", "expr", "cli"):
        for path in (PACKAGE / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call):
                    yield from ((slug, path.name) for slug in _slugs(node))


def _slugs(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    given = [keyword.value for keyword in call.keywords if keyword.arg == "slug"]
    for argument in [*given, *(call.args[:1] if name in EMITTING else ())]:
        if isinstance(argument, ast.Constant) and FORM.fullmatch(str(argument.value)):
            yield str(argument.value)


def test_every_slug_in_the_code_is_documented() -> None:
    """`engine explain SLUG` knows whatever `engine validate` can say."""
    emitted = list(_emitted())
    assert len(emitted) > 30
    assert [(slug, module) for slug, module in emitted if slug not in SLUGS] == []


@pytest.mark.parametrize("slug", sorted(SLUGS))
def test_a_slug_is_explained(slug: str) -> None:
    """What it means and how to mend it are sentences, and there is an example to recognise it by."""
    entry = SLUGS[slug]
    assert FORM.fullmatch(slug)
    assert entry.meaning[0].isupper() or entry.meaning[0] == "`"
    assert entry.meaning.endswith(".")
    assert entry.mend
    assert entry.mend.endswith((".", "}", "]"))
    assert entry.example.strip()
