"""Structured logs: one event name and its fields a line, as JSON or for a terminal. The home of structlog."""

import sys
from typing import Literal, Protocol

import structlog

__all__ = ["FORMATS", "Format", "Logger", "logger"]

Format = Literal["console", "json"]
FORMATS: tuple[Format, ...] = ("console", "json")


class Logger(Protocol):
    """Everything that any room asks of a logger."""

    def info(self, event: str, /, **fields: object) -> object:
        """Something happened as it should."""
        ...

    def warning(self, event: str, /, **fields: object) -> object:
        """Something is wrong, and dealt with."""
        ...

    def error(self, event: str, /, **fields: object) -> object:
        """Something is wrong, and a person has to act."""
        ...


def logger(style: Format, **bound: object) -> Logger:
    """A logger that writes to stderr and puts *bound* on every line."""
    made: Logger = structlog.wrap_logger(
        structlog.WriteLoggerFactory(file=sys.stderr)(),
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _renderer(style),
        ],
        wrapper_class=structlog.BoundLogger,
        context_class=dict,
    ).bind(**bound)
    return made


def _renderer(style: Format) -> structlog.typing.Processor:
    if style == "json":
        return structlog.processors.JSONRenderer()
    return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
