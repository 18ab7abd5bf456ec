"""What this room asks of a logger: one event name and fields. The library behind it is chosen in `cli`."""

from typing import Protocol

__all__ = ["Log", "Silent"]


class Log(Protocol):
    """Structured log lines, by level."""

    def warning(self, event: str, /, **fields: object) -> object:
        """Something is wrong, and dealt with."""
        ...


class Silent:
    """A logger for whoever has none."""

    def warning(self, event: str, /, **fields: object) -> None:
        """See `Log.warning`."""
