"""The git revision, read without starting git."""

from pathlib import Path

import pytest

from engine.config.revision import revision

REV = "0123456789abcdef0123456789abcdef01234567"


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_outside_a_repository(tmp_path: Path) -> None:
    """No repository, no revision."""
    assert revision(tmp_path) == ""


@pytest.mark.parametrize(
    "files",
    [
        {".git/HEAD": f"{REV}\n"},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/refs/heads/main": f"{REV}\n"},
        {".git/HEAD": "ref: refs/heads/main\n", ".git/packed-refs": f"# pack-refs\n{REV} refs/heads/main\n"},
        {
            ".git": "gitdir: real/worktrees/w\n",
            "real/worktrees/w/HEAD": "ref: refs/heads/w\n",
            "real/worktrees/w/commondir": "../..\n",
            "real/refs/heads/w": f"{REV}\n",
        },
    ],
)
def test_where_git_keeps_it(tmp_path: Path, files: dict[str, str]) -> None:
    """Detached, loose, packed, or in a work tree: from any folder inside, the short revision of HEAD."""
    for name, text in files.items():
        _write(tmp_path / name, text)
    (tmp_path / "deep").mkdir()
    assert revision(tmp_path / "deep") == REV[:12]


def test_before_the_first_commit(tmp_path: Path) -> None:
    """A branch without commits has no revision."""
    _write(tmp_path / ".git/HEAD", "ref: refs/heads/main\n")
    assert revision(tmp_path) == ""
