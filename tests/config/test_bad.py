"""One mistake, one folder: the files of `bad/CASE` laid over `base`; `expected.txt` is the whole of what is said."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from engine.config import bundle as bundles
from engine.config.build import build
from engine.config.bundle import Bundle
from engine.config.diagnostics import render
from engine.config.slugs import SLUGS

TODAY = date(2026, 11, 23)
"""The day by which keys expire and models retire in the cases."""

HERE = Path(__file__).parent
BAD = HERE / "bad"
CASES = sorted(path.name for path in BAD.iterdir())
TESTED_ELSEWHERE = {
    "too-large": "tests/engine/config/test_tree.py: eight megabytes do not belong into a repository",
    "missing-secret": "tests/engine/cli/test_validate.py: it depends on the environment",
    "no-root": "tests/engine/config: laying files over a root cannot take its first file away",
}


def _bundle(case: str) -> Bundle:
    base = bundles.read(HERE / "base")
    files = {path.relative_to(BAD / case).as_posix(): path.read_bytes() for path in (BAD / case).rglob("*.y*ml")}
    return bundles.laid_over(base, files)


def _said(bundle: Bundle) -> str:
    """What `engine validate` says of the base and every overlay."""
    variants = [bundle, *(bundles.with_overlay(bundle, name) for name in bundles.overlays(bundle))]
    problems = {problem for variant in variants for problem in build(variant, today=TODAY).problems}
    return render(list(problems), bundle.files)


def test_the_base_is_clean() -> None:
    """What the cases are laid over has no problem of its own."""
    assert build(bundles.read(HERE / "base")).problems == ()


@pytest.mark.parametrize("case", CASES)
def test_what_is_said(case: str, golden: Callable[[Path, str], None]) -> None:
    """A mistake is reported at its place, in one sentence, with a hint, and nothing else is reported."""
    golden(BAD / case / "expected.txt", _said(_bundle(case)))


@pytest.mark.parametrize("case", CASES)
def test_a_case_shows_its_slug(case: str) -> None:
    """A folder is named after the slug that it shows."""
    shown = [slug for slug in SLUGS if case == slug or case.startswith(f"{slug}-")]
    assert shown
    assert any(f"[{slug}]" in (BAD / case / "expected.txt").read_text() for slug in shown)


@pytest.mark.parametrize("slug", sorted(SLUGS.keys() - TESTED_ELSEWHERE.keys()))
def test_every_slug_has_a_case(slug: str) -> None:
    """There is no kind of problem whose message nobody has looked at."""
    assert any(case == slug or case.startswith(f"{slug}-") for case in CASES)
