"""What this room asks of a logger: one event name and fields. The library behind it is chosen in `cli`."""

from typing import Protocol

__all__ = ["Log"]


class Log(Protocol):
    """Structured log lines, by level."""

    def info(self, event: str, /, **fields: object) -> object:
        """Something happened as it should."""
        ...

    def warning(self, event: str, /, **fields: object) -> object:
        """Something is wrong, and dealt with."""
        ...

    def error(self, event: str, /, **fields: object) -> object:
        """Something is wrong, and a person has to act."""
        ...
