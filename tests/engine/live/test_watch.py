"""Changes are noticed however they are made, and what is no change is not."""

import asyncio
import os
from pathlib import Path

import pytest

from engine.live.watch import changes, signature

PATIENCE_S = 15.0


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "providers.d").mkdir(parents=True)
    (made / "routes.yaml").write_text("one")
    (made / "providers.d" / "a.yaml").write_text("a")
    return made


def test_the_signature_sees_what_is_read_and_nothing_else(root: Path) -> None:
    """Content, new files and removals change it; the data directory and editors' own files do not."""
    before = signature(root)
    (root / "data").mkdir()
    (root / "data" / "journal.jnl").write_text("x")
    (root / "providers.d" / ".a.yaml.swp").write_text("x")
    assert signature(root) == before

    (root / "providers.d" / "b.yaml").write_text("b")
    after = signature(root)
    (root / "routes.yaml").write_text("two, longer")

    assert before < after
    assert signature(root) != after


def test_permissions_are_part_of_the_signature(root: Path) -> None:
    """A file that may be read again is taken up, though its content was never touched."""
    before = signature(root)
    (root / "routes.yaml").chmod(0o600)

    assert signature(root) != before


@pytest.fixture
def odd(root: Path) -> Path:
    """A file whose name is no UTF-8."""
    path = Path(os.fsdecode(os.fsencode(root) + b"/b\xff.txt"))
    path.touch()
    return path


async def test_a_name_that_is_no_text_costs_events_alone(root: Path, odd: Path) -> None:
    """Whatever stands beside the files, a change of them is seen, if not at once."""
    seen, stop = signature(root), asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, odd.unlink)
    asyncio.get_running_loop().call_later(0.6, (root / "routes.yaml").write_text, "two, longer")
    async with asyncio.timeout(PATIENCE_S):
        async for found in changes(root, tuple, seen, stop):
            assert found != seen
            stop.set()


def test_nothing_there_is_a_signature_too(tmp_path: Path) -> None:
    """A root that was deleted is a change like any other, not an error."""
    assert signature(tmp_path / "gone") == frozenset()


async def test_a_change_between_looks_is_not_missed(root: Path) -> None:
    """What changed after *seen* was taken and before watching began is yielded as well."""
    seen = signature(root)
    (root / "routes.yaml").write_text("two, longer")
    stop = asyncio.Event()
    async with asyncio.timeout(PATIENCE_S):
        async for found in changes(root, tuple, seen, stop):
            assert found != seen
            stop.set()


async def test_a_referenced_file_elsewhere_is_watched(root: Path, tmp_path: Path) -> None:
    """A secret file is outside the root; writing it anew is a change."""
    secret = tmp_path / "secrets" / "key"
    secret.parent.mkdir()
    secret.write_text("one")
    seen, stop = signature(root, [secret]), asyncio.Event()
    asyncio.get_running_loop().call_later(0.3, secret.write_text, "another")
    async with asyncio.timeout(PATIENCE_S):
        async for found in changes(root, lambda: [secret], seen, stop):
            assert found != seen
            stop.set()
