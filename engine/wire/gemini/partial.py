"""Arguments that Vertex streams piece by piece (`partialArgs`) → the object that they make up.

Source: https://cloud.google.com/vertex-ai/generative-ai/docs/model-reference/function-calling, "PartialArg", read
2026-11. Each piece names its place by a JSON path of names and positions, such as `$.operations[0].action`.
"""

import re
from itertools import pairwise
from typing import Any

import msgspec

from engine.errors import UpstreamMalformed
from engine.wire.gemini.chunk import PartialArg

__all__ = ["Arguments"]

_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+)\]|\['([^']*)'\]|\[\"([^\"]*)\"\]")

MOST_STEPS = 64
"""The most steps in one path: deeper than the arguments of any schema that Gemini takes."""

MOST_BYTES = 16 * 1024 * 1024
"""The most that the texts of one call may have together: as large as an event may be."""

_ENCODER = msgspec.json.Encoder()


class Arguments:
    """The arguments of one call while they arrive."""

    __slots__ = ("_size", "_whole")

    def __init__(self) -> None:
        self._whole: dict[str, Any] = {}
        self._size = 0

    def add(self, piece: PartialArg) -> None:
        """Put *piece* in its place; where there is a text already, a text is appended.

        Raises:
            UpstreamMalformed: its path leads nowhere, or the arguments are too large.
        """
        steps = _steps(piece.json_path or "")
        self._size += len(piece.string_value or "") + 1
        if self._size > MOST_BYTES:
            raise UpstreamMalformed(f"arguments of more than {MOST_BYTES} bytes", received=True)
        holder: Any = self._whole
        for step, following in pairwise(steps):
            holder = _enter(holder, step, following)
        _put(holder, steps[-1], piece)

    def text(self) -> str:
        """The object as JSON text."""
        return _ENCODER.encode(self._whole).decode()


def _steps(path: str) -> list[str | int]:
    steps: list[str | int] = []
    at = 1 if path.startswith("$") else 0
    while at < len(path) and (found := _STEP.match(path, at)):
        name, position, *quoted = found.groups()
        steps.append(int(position) if position else name or quoted[0] or quoted[1] or "")
        at = found.end()
    if at < len(path) or not steps or len(steps) > MOST_STEPS:
        raise UpstreamMalformed(f"a path in arguments that cannot be read: {path[:100]!r}", received=True)
    return steps


def _enter(holder: Any, step: str | int, following: str | int) -> Any:
    """What is at *step*; if nothing is, it is made: a list if *following* is a position, else an object."""
    fresh: Any = [] if isinstance(following, int) else {}
    if isinstance(holder, dict) and isinstance(step, str):
        return holder.setdefault(step, fresh)
    if isinstance(holder, list) and isinstance(step, int) and step <= len(holder):
        if step == len(holder):
            holder.append(fresh)
        return holder[step]
    raise UpstreamMalformed(f"a path in arguments that leads nowhere: {step!r}", received=True)


def _put(holder: Any, step: str | int, piece: PartialArg) -> None:
    value = _value(piece)
    if isinstance(holder, dict) and isinstance(step, str):
        before = holder.get(step)
        holder[step] = before + value if isinstance(before, str) and isinstance(value, str) else value
    elif isinstance(holder, list) and isinstance(step, int) and step <= len(holder):
        if step == len(holder):
            holder.append(value)
        else:
            before = holder[step]
            holder[step] = before + value if isinstance(before, str) and isinstance(value, str) else value
    else:
        raise UpstreamMalformed(f"a path in arguments that leads nowhere: {step!r}", received=True)


def _value(piece: PartialArg) -> Any:
    """The value of a piece; without one it is null, since Vertex says null by `nullValue`, which is itself null."""
    if piece.string_value is not None:
        return piece.string_value
    return piece.number_value if piece.number_value is not None else piece.bool_value
