"""Where things lie in the data directory."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Layout"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The data directory, and where usage is kept in it."""

    data: Path

    @property
    def journal(self) -> Path:
        """One folder of segments per writer."""
        return self.data / "journal"

    @property
    def usage(self) -> Path:
        """The projector's folder."""
        return self.data / "usage"

    @property
    def hot(self) -> Path:
        """The projector's own database: rows not yet published, positions, the list of parts."""
        return self.usage / "hot.duckdb"

    @property
    def batch(self) -> Path:
        """Where a batch passes through on its way into the database."""
        return self.usage / "batch"

    @property
    def parts(self) -> Path:
        """One folder of Parquet files per table."""
        return self.usage / "parts"

    @property
    def lock(self) -> Path:
        """Held by the one process that projects."""
        return self.usage / "projector.lock"

    @property
    def status(self) -> Path:
        """What the projector has done, for other processes to read."""
        return self.usage / "status.json"

    @property
    def catalog(self) -> Path:
        """What analysts open."""
        return self.data / "usage.duckdb"

    @property
    def socket(self) -> Path:
        """Where the projector is asked to publish."""
        return self.data / "projector.sock"
