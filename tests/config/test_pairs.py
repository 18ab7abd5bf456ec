"""Two mistakes in one configuration: each is reported as if it were alone, and nothing is reported because of both."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from engine.config import bundle as bundles
from engine.config.build import build
from engine.config.bundle import Bundle
from engine.config.slugs import SLUGS
from engine.config.slugs.shape import SHAPE

HERE = Path(__file__).parent
BASE = bundles.read(HERE / "base")
TODAY = date(2026, 11, 23)
STEP = 4
"""Each case meets one in so many of the others."""

OF_ONE_VALUE = {*SHAPE, "anchor-cycle", "duplicate-key", "empty-value", "merge-key", "tag", "unknown-anchor"}
"""Mistakes that leave the rest of their file to be read."""
WHOLE_FILE = {"empty-value-file", "missing-key-empty", "reference-unquoted", "star-unquoted", "braces-unquoted"}
CASES = sorted(path.name for path in (HERE / "bad").iterdir())


class Memory:
    """A cache in memory: the same files are read again and again."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self._kept.get(key)

    def put(self, key: str, result: Any) -> None:
        self._kept[key] = result


MEMORY = Memory()


def _slug(case: str) -> str:
    return max((slug for slug in SLUGS if case == slug or case.startswith(f"{slug}-")), key=len)


FIRST = [case for case in CASES if _slug(case) in OF_ONE_VALUE and case not in WHOLE_FILE]


def _files(case: str) -> Mapping[str, bytes]:
    folder = HERE / "bad" / case
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.y*ml"))}


def _beside(other: Mapping[str, bytes], first: Mapping[str, bytes]) -> Mapping[str, bytes] | None:
    """The files of *other* under names that leave those of *first* alone; None where they cannot stand beside them."""
    folders = [{path.partition("/")[0] for path in files} for files in (first, other)]
    if any("overlays" in mine and "providers.d" in its for mine, its in (folders, folders[::-1])):
        return None  # the overlay is laid over another provider than it was written for
    if not other.keys() & first.keys():
        return other
    if any(path in first and not path.startswith(("routes.d/", "policies/")) for path in other):
        return None
    return {path.replace("s.d/", "s.d/z-").replace("policies/", "policies/z-"): data for path, data in other.items()}


def _found(files: Mapping[str, bytes]) -> set[tuple[str, str, str]]:
    bundle: Bundle = bundles.laid_over(BASE, files)
    variants = [bundle, *(bundles.with_overlay(bundle, name) for name in bundles.overlays(bundle))]
    problems = [problem for variant in variants for problem in build(variant, MEMORY, today=TODAY).problems]
    return {(problem.slug, problem.key, problem.message) for problem in problems}


@pytest.mark.parametrize("case", FIRST)
def test_a_wrong_value_hides_nothing_else(case: str) -> None:
    """Whatever else is wrong with a configuration is said beside a value that its schema does not allow."""
    first = _files(case)
    alone = _found(first)
    for other in CASES[CASES.index(case) % STEP :: STEP]:
        second = _beside(_files(other), first)
        if second is None:
            continue
        both, expected = _found({**first, **second}), alone | _found(second)
        if not any(slug == "set-twice" for slug, _, _ in both - expected):  # the two cases use one name
            assert expected <= both, other
