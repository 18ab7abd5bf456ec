"""The git revision of a directory, read from git's own files: no process is started for it."""

from pathlib import Path

__all__ = ["revision"]

SHORT = 12
"""Characters of a revision that are kept: unique in every repository known."""


def revision(directory: Path) -> str:
    """The short revision of HEAD around *directory*; empty outside a repository, or before the first commit."""
    folder = directory.resolve()
    git = next((path / ".git" for path in (folder, *folder.parents) if (path / ".git").exists()), None)
    if git is None:
        return ""
    try:
        return _head(_git_directory(git))[:SHORT]
    except OSError:
        return ""


def _git_directory(git: Path) -> Path:
    """`.git` itself, or what a work tree's `.git` file points at."""
    if git.is_dir():
        return git
    return git.parent / git.read_text().removeprefix("gitdir:").strip()


def _head(git: Path) -> str:
    head = (git / "HEAD").read_text().strip()
    if not head.startswith("ref:"):
        return head
    name = head.removeprefix("ref:").strip()
    common = git / (git / "commondir").read_text().strip() if (git / "commondir").exists() else git
    loose = common / name
    return loose.read_text().strip() if loose.exists() else _packed(common / "packed-refs", name)


def _packed(file: Path, name: str) -> str:
    """The revision of *name* in git's list of packed references; empty when it is not there."""
    lines = file.read_text().splitlines() if file.exists() else []
    return next((line.split()[0] for line in lines if line.endswith(f" {name}")), "")
