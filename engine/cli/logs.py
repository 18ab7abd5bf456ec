"""Structured logs: one event name and its fields a line, as JSON or for a terminal. The home of structlog."""

import logging
import sys
from contextlib import suppress
from typing import Literal, Protocol, TextIO, cast

import structlog

__all__ = ["FORMATS", "Format", "Logger", "logger", "speak_for_libraries"]

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


class _BestEffort:
    """stderr where its reader may have gone, or its disk be full: a line that is lost must stop nothing else."""

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):  # ValueError: it is closed
            if sys.stderr is not None:  # as it is where a process begins without one
                sys.stderr.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if sys.stderr is not None:
                sys.stderr.flush()


class _Spoken(logging.Handler):
    """What libraries say by `logging`, in lines like our own."""

    def __init__(self, log: Logger) -> None:
        super().__init__(logging.WARNING)
        self._log = log

    def emit(self, record: logging.LogRecord) -> None:
        self._log.warning("library_warning", library=record.name, message=record.getMessage())


def speak_for_libraries(log: Logger) -> None:
    """From now on what libraries say in this process goes to *log*."""
    logging.basicConfig(handlers=[_Spoken(log)], force=True)


def logger(style: Format, **bound: object) -> Logger:
    """A logger that writes to stderr and puts *bound* on every line. A line that cannot be written is lost."""
    made: Logger = structlog.wrap_logger(
        structlog.WriteLoggerFactory(file=cast(TextIO, _BestEffort()))(),
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
