"""Which files belong to a configuration, and what identifies it."""

import os
import re
from pathlib import Path

import pytest

from engine.config import bundle as bundles
from engine.config.bundle import Bundle
from engine.errors import ConfigUnreadable


def _write(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")


def test_the_files_of_a_root(tmp_path: Path) -> None:
    """The root file and the five folders; nothing hidden, nothing beside them."""
    inside = ["overlays/prod.yaml", "policies/a.yaml", "providers.d/b.yml", "routes.d/c.yaml", "routes.yaml"]
    _write(
        tmp_path, *inside, "tests/routing/t.yaml", "other.yaml", "providers.d/.b.yaml.swp", "providers.d/..data.yaml"
    )
    _write(tmp_path, "data/x.yaml", "providers.d/notes.txt", "providers.d/old/d.yaml")
    assert list(bundles.read(tmp_path).files) == [*inside, "tests/routing/t.yaml"]


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    """It is the tool that cannot run, not a configuration with a problem."""
    with pytest.raises(ConfigUnreadable, match="is not a directory"):
        bundles.read(tmp_path / "nowhere")


@pytest.mark.parametrize("what", ["link", "pipe", "folder", "name", "no folder"])
def test_what_cannot_be_read_is_not_passed_over(tmp_path: Path, what: str) -> None:
    """A rule that is gone without a word would be worse than no answer."""
    _write(tmp_path, "routes.yaml", "policies/a.yaml")
    wrong = tmp_path / "policies/b.yaml"
    match what:
        case "link":
            wrong.symlink_to("nowhere")
        case "pipe":
            os.mkfifo(wrong)
        case "folder":
            wrong.mkdir()
        case "name":
            wrong = tmp_path / "policies/b\udcff.yaml"
            wrong.touch()
        case _:
            wrong = tmp_path / "providers.d"
            wrong.touch()
    with pytest.raises(ConfigUnreadable, match=re.escape(ascii(wrong.name)[1:-1])):
        bundles.read(tmp_path)


def test_a_root_file_of_the_other_suffix_is_there_to_be_refused(tmp_path: Path) -> None:
    """`routes.yml` is read, so that its name is a problem."""
    _write(tmp_path, "routes.yml")
    assert list(bundles.read(tmp_path).files) == ["routes.yml"]


def test_the_hash_is_of_paths_bytes_and_overlay() -> None:
    """Whatever could change a decision changes the hash; the order of reading does not."""
    one = Bundle(files={"a": b"1", "b": b"2"})
    assert one.bundle_hash == Bundle(files={"b": b"2", "a": b"1"}).bundle_hash
    others = [
        Bundle(files={"a": b"1", "b": b"3"}),
        Bundle(files={"a": b"1", "c": b"2"}),
        Bundle(files={"a": b"1b", "b": b"2"}),
        Bundle(files={"a": b"1", "b": b"2"}, overlay="prod"),
    ]
    assert len({other.bundle_hash for other in (one, *others)}) == 5


def test_overlays_by_name(tmp_path: Path) -> None:
    """An overlay is known by its file's name, and one that is not there is named with those that are."""
    _write(tmp_path, "routes.yaml", "overlays/prod.yaml", "overlays/dev.yaml")
    bundle = bundles.read(tmp_path)
    assert bundles.overlays(bundle) == ("dev", "prod")
    assert bundles.with_overlay(bundle, "prod").overlay == "prod"
    with pytest.raises(ConfigUnreadable, match=r"no overlay 'prd' .*known: dev, prod"):
        bundles.with_overlay(bundle, "prd")


def test_one_root_laid_over_another() -> None:
    """The upper root's files win, and the order stays by path."""
    upper = {"b": b"new", "a": b"more"}
    assert dict(bundles.laid_over(Bundle(files={"b": b"old", "c": b"kept"}), upper).files) == {
        "a": b"more",
        "b": b"new",
        "c": b"kept",
    }
