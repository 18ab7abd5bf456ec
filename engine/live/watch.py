"""Says when the files of a configuration have changed, however they were changed. The home of watchfiles.

Events are only hints: editors rename over a file, Kubernetes swaps a symlink above it, some file systems send none.
What counts is the *signature*: path, inode, size and times of each file that would be read. It is compared after each
event and every `POLL_S` without one, so a missed event delays a reload but never loses it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import aclosing
from pathlib import Path

import watchfiles
from watchfiles._rust_notify import WatchfilesRustInternalError

__all__ = ["Signature", "changes", "mark", "signature"]

Mark = tuple[str, int, int, int, int]
"""What tells one state of a file from another: path, inode, size, and when content and permissions changed."""
Signature = frozenset[Mark]

FOLDERS = ("routes.d", "providers.d", "policies", "overlays")
ROOT_FILE = "routes.yaml"
DEBOUNCE_MS = 100
"""A save is several events within a few milliseconds; a person does not notice this much."""
STEP_MS = 100
"""Polling interval of watchfiles; each poll costs about 60 µs whether or not there are requests."""
POLL_S = 2.0


def signature(root: Path, others: Iterable[Path] = ()) -> Signature:
    """A value that changes whenever the configuration under *root* does, or one of the *others* it refers to."""
    folders = (root / name for name in FOLDERS)
    listed = (path for folder in folders for path in folder.glob("*.y*ml"))
    return frozenset(found for path in (root / ROOT_FILE, *listed, *others) if (found := mark(path)) is not None)


async def changes(
    root: Path, others: Callable[[], Iterable[Path]], seen: Signature, stop: asyncio.Event
) -> AsyncGenerator[Signature, None]:
    """Yield the new signature whenever it differs from the last one, at first from *seen*, until *stop* is set.

    *others* are asked for again after each change: files outside the root whose content matters (secrets).
    """
    while not stop.is_set():
        # Folders may have come or gone, and a swapped symlink leads elsewhere: watch afresh after each change.
        async with aclosing(_hints(_watched(root, others()), stop)) as hints:
            async for _ in hints:
                if (now := signature(root, others())) != seen:
                    seen = now
                    yield now
                    break


async def _hints(directories: set[Path], stop: asyncio.Event) -> AsyncGenerator[None, None]:
    """Yield when something happened in one of the directories, and every `POLL_S`."""
    events = watchfiles.awatch(
        *directories,
        watch_filter=None,
        recursive=False,
        debounce=DEBOUNCE_MS,
        step=STEP_MS,
        rust_timeout=int(POLL_S * 1000),
        yield_on_timeout=True,
        stop_event=stop,
        ignore_permission_denied=True,
    )
    async with aclosing(events):
        try:
            async for _ in events:
                yield
        except FileNotFoundError:
            # A directory went away between the look and the watch; the next look will not find it.
            await asyncio.sleep(STEP_MS / 1000)
            yield
        except (OSError, WatchfilesRustInternalError, ExceptionGroup):
            # The system lends no more watches, or not of this directory, or a name in it is no text (which comes out of
            # the watcher's own task group): looking from time to time needs no watch.
            await asyncio.sleep(POLL_S)
            yield


def mark(path: Path) -> Mark | None:
    """The state of a file, symlinks followed; None when there is none (any more), or none that may be seen."""
    try:
        found = path.stat()
    except OSError:
        return None
    return str(path), found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _watched(root: Path, others: Iterable[Path]) -> set[Path]:
    """The directories to watch: the root (not what is below it: `data/` may be), its folders, and those of *others*."""
    candidates = {root, *(root / name for name in FOLDERS), *(path.parent for path in others)}
    return {path for path in candidates if _is_directory(path)}


def _is_directory(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # below a directory that may not be entered
        return False
