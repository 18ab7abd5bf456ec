"""Faults on request: the header `x-sandbox-fault` → what goes wrong with an answer.

    faults  := fault ("," fault)*
    fault   := what [" x" count]                       x2: only the first two times; without it, every time
    what    := status                                  429, 500, 401: an error with that status, instead of an answer
             | "reset" | "stall" | "error" [" after " chunks " chunks"]      break off, go silent, send an error event
             | "malformed"                             bytes that are not the protocol
             | "slow first byte " duration             3s, 250ms

Faults with a status come one after the other, the first that is not used up; all others hold together.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from engine.errors import BadRequest

__all__ = ["HEADER", "Fault", "FaultCounts", "FaultKind", "parse"]

HEADER = b"x-sandbox-fault"

MOST_SUBJECTS = 10_000
"""Callers and fault texts whose counts are remembered; the one not used for longest is forgotten first."""


class FaultKind(StrEnum):
    """What goes wrong."""

    STATUS = "status"
    RESET = "reset"
    STALL = "stall"
    ERROR = "error"
    MALFORMED = "malformed"
    SLOW = "slow first byte"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, as asked for."""

    kind: FaultKind
    times: int | None = None
    """How often; None is always."""
    status: int = 0
    after_chunks: int = 0
    after_s: float = 0.0


_FAULT = re.compile(
    r"(?:(?P<status>[45]\d\d)"
    r"|(?P<cut>reset|stall|error)(?: after (?P<chunks>\d{1,6}) chunks?)?"
    r"|(?P<malformed>malformed)"
    r"|slow first byte (?P<slow>\d{1,6}(?:\.\d{1,3})?)(?P<unit>ms|s))"
    r"(?: x(?P<times>\d{1,6}))?"
)

WRITTEN = "429 x2, reset after 5 chunks, stall after 5 chunks, error after 5 chunks, malformed, slow first byte 3s"


def parse(text: str) -> tuple[Fault, ...]:
    """The faults that *text* asks for, in its order; none for an empty text.

    Raises:
        BadRequest: a part that is no fault; the message shows how faults are written.
    """
    return tuple(_fault(part.strip()) for part in text.split(",")) if text.strip() else ()


def _fault(text: str) -> Fault:
    found = _FAULT.fullmatch(text)
    if found is None:
        raise BadRequest(
            f"{HEADER.decode()}: {text[:80]!r} is no fault; write faults like these: {WRITTEN}",
            code="invalid_sandbox_fault",
            param=HEADER.decode(),
        )
    times = int(found["times"]) if found["times"] else None
    if found["status"]:
        return Fault(kind=FaultKind.STATUS, status=int(found["status"]), times=times)
    if found["cut"]:
        return Fault(kind=FaultKind(found["cut"]), after_chunks=int(found["chunks"] or 0), times=times)
    if found["malformed"]:
        return Fault(kind=FaultKind.MALFORMED, times=times)
    return Fault(
        kind=FaultKind.SLOW, after_s=float(found["slow"]) / (1000 if found["unit"] == "ms" else 1), times=times
    )


class FaultCounts:
    """How often each caller has met each of its faults, so that `x2` ends. Kept by process."""

    def __init__(self) -> None:
        self._met: OrderedDict[tuple[str, str], dict[int, int]] = OrderedDict()

    def due(self, caller: str, text: str) -> tuple[Fault, ...]:
        """The faults of *text* that this request meets; meeting them counts. Raises as `parse` does."""
        faults = parse(text)
        met = self._met.setdefault((caller, text), {})
        self._met.move_to_end((caller, text))
        if len(self._met) > MOST_SUBJECTS:
            self._met.popitem(last=False)
        left = [n for n, fault in enumerate(faults) if fault.times is None or met.get(n, 0) < fault.times]
        due = _together(faults, left)
        for n in due:
            met[n] = met.get(n, 0) + 1
        return tuple(faults[n] for n in due)


def _together(faults: Sequence[Fault], left: Sequence[int]) -> list[int]:
    """Of the faults that are left: the first status alone, or all that are no status."""
    status = next((n for n in left if faults[n].kind is FaultKind.STATUS), None)
    if status is None:
        return list(left)
    return [status, *(n for n in left if faults[n].kind is FaultKind.SLOW)]
