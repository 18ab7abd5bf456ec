"""The part of a logger that this room needs; the command line passes structlog's."""

from typing import Protocol

__all__ = ["Log"]


class Log(Protocol):
    """One event name and its fields per line, never a sentence with values in it."""

    def info(self, event: str, /, **fields: object) -> object:
        """Something that an operator may want to know."""
        ...

    def error(self, event: str, /, **fields: object) -> object:
        """Something that an operator has to see."""
        ...
