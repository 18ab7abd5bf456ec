"""What a process serves right now: one snapshot, swapped by one assignment, and how the last change of it went."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from engine.snapshot import Snapshot

__all__ = ["KEPT_HASHES", "Current", "Result", "Status"]

KEPT_HASHES = 10
"""Earlier config hashes that `GET /-/config` shows: enough to find the last few deployments."""


class Result(StrEnum):
    """How an attempt to load a configuration ended."""

    LOADED = "loaded"
    UNCHANGED = "unchanged"
    """The files mean what is served already; referenced secrets were read again."""
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """Which configuration is served, and what became of the last attempt to change it."""

    config_hash: str = ""
    """Of what is served, even while the files on disk are broken."""
    bundle_hash: str = ""
    git_rev: str = ""
    loaded_at: datetime | None = None
    """When what is served was loaded, UTC."""
    tried_at: datetime | None = None
    """When the files were last read, UTC."""
    result: Result = Result.LOADED
    """Of the last attempt."""
    diagnostics: str = ""
    """What `engine validate` would print for the last attempt; empty when there was nothing to say."""
    previous: tuple[str, ...] = ()
    """Config hashes served before, the newest first."""
    from_last_good: bool = False
    """The files were broken at the start, so the copy of the last good ones is served."""

    @property
    def healthy(self) -> bool:
        """Whether what is served is what the files say."""
        return self.result is not Result.REFUSED and not self.from_last_good


class Current:
    """The snapshot that new requests take a reference to; a request keeps the one it took.

    Nothing else in a worker is global. `snapshot` is replaced by one assignment, never changed.
    """

    def __init__(self, snapshot: Snapshot, status: Status) -> None:
        self.snapshot = snapshot
        self.status = status
        self.draining = False
        """The process has been asked to end: `/ready` says so, and no new work should be sent here."""
