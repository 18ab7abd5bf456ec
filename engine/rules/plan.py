"""The attempt plan: told what happened, it answers what to do. No I/O, no clock, no randomness of its own."""

from dataclasses import dataclass

from engine.rules.decision import Candidate
from engine.values import Outcome, Role

__all__ = ["Begin", "Cancelled", "Command", "Ended", "Event", "Finish", "Full", "Start", "Wait", "Woke"]


@dataclass(frozen=True, slots=True)
class Begin:
    """The request has been decided; nothing was tried yet."""


@dataclass(frozen=True, slots=True)
class Ended:
    """The attempt that `Start` asked for has ended; *committed* when content has already gone to the caller."""

    outcome: Outcome
    committed: bool = False


@dataclass(frozen=True, slots=True)
class Full:
    """The attempt could not start: our own limit at that provider has no room until then (monotonic seconds)."""

    until_s: float


@dataclass(frozen=True, slots=True)
class Woke:
    """The time that `Wait` asked for has passed."""


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The caller hung up."""


Event = Begin | Ended | Full | Woke | Cancelled


@dataclass(frozen=True, slots=True)
class Start:
    """Make this attempt, with this key, within so many seconds of the request's deadline."""

    n: int
    candidate: Candidate
    key_label: str
    role: Role
    reason: str
    left_s: float


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for so long, then say `Woke`."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Finish:
    """Stop: the outcome that the caller is told, and when trying again could help."""

    outcome: Outcome
    retry_after_s: float | None = None


Command = Start | Wait | Finish
