"""The last good files are kept whole, and replaced whole."""

from pathlib import Path

import pytest

from engine.live.last_good import LastGood


def test_nothing_was_kept(tmp_path: Path) -> None:
    """A fresh data directory has no last good configuration."""
    assert LastGood(tmp_path / "last-good").root is None


def test_the_newest_replaces_the_older(tmp_path: Path) -> None:
    """Files that the newer configuration does not have are gone from the copy, and nothing is left beside it."""
    kept = LastGood(tmp_path / "last-good")
    kept.keep({"routes.yaml": b"one", "providers.d/a.yaml": b"a"})
    kept.keep({"routes.yaml": b"two"})

    assert [str(p.relative_to(tmp_path)) for p in sorted(tmp_path.rglob("*"))] == ["last-good", "last-good/routes.yaml"]
    assert kept.root is not None
    assert (kept.root / "routes.yaml").read_bytes() == b"two"


def test_a_configuration_without_files(tmp_path: Path) -> None:
    """The demo over an empty directory has no files of its own: that is kept as such."""
    kept = LastGood(tmp_path / "last-good")
    kept.keep({})

    assert kept.root is not None


def test_left_overs_of_a_kill_do_not_matter(tmp_path: Path) -> None:
    """A copy that was being written when the process was killed is written afresh."""
    (tmp_path / "last-good.new").mkdir()
    (tmp_path / "last-good.new" / "half.yaml").write_bytes(b"ha")
    kept = LastGood(tmp_path / "last-good")
    kept.keep({"routes.yaml": b"one"})

    assert [p.name for p in (tmp_path / "last-good").iterdir()] == ["routes.yaml"]


def test_what_cannot_be_written_leaves_the_old_copy(tmp_path: Path) -> None:
    """A full disk, or something in the way, costs the newer copy alone."""
    kept = LastGood(tmp_path / "last-good")
    kept.keep({"routes.yaml": b"one"})
    (tmp_path / "last-good.new").write_text("in the way")
    with pytest.raises(OSError, match=r"last-good\.new"):
        kept.keep({"routes.yaml": b"two"})

    assert (tmp_path / "last-good" / "routes.yaml").read_bytes() == b"one"


def test_what_has_not_changed_is_not_written_again(tmp_path: Path) -> None:
    """A file stays the same file from one configuration to the next; one that has changed is another."""
    kept = LastGood(tmp_path / "last-good")
    files = [tmp_path / "last-good" / name for name in ("routes.yaml", "providers.d/a.yaml")]
    kept.keep({"routes.yaml": b"one", "providers.d/a.yaml": b"a"})
    before = [file.stat().st_ino for file in files]
    kept.keep({"routes.yaml": b"two", "providers.d/a.yaml": b"a"})

    assert [file.stat().st_ino == inode for file, inode in zip(files, before, strict=True)] == [False, True]
    assert [file.read_bytes() for file in files] == [b"two", b"a"]
