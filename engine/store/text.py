"""SQL as text: this room's files, and literals for the statements that take no parameters."""

from importlib.resources import files

__all__ = ["quoted", "script"]


def quoted(text: str) -> str:
    """A SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def script(name: str) -> str:
    """The text of one of this room's SQL files."""
    return files("engine.store.sql").joinpath(name).read_text(encoding="utf-8")
