"""A routing test as a value: the request, the world it arrives in, and what must come of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from engine.errors import OutcomeKind, Place
from engine.gateway import NOTHING_SAID, PathSays
from engine.values import Surface

__all__ = ["Expected", "Scenario", "Scripted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scripted:
    """What a provider does when it is asked once."""

    status: int = 200
    retry_after_s: float | None = None
    fails: OutcomeKind | None = None
    """No answer at all, but this."""
    body: bytes | None = None
    """None for a plausible one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What must come of a request; None is not checked."""

    model: str | None = None
    provider: str | None = None
    attempts: tuple[str, ...] | None = None
    """`model@provider`, in order."""
    status: int | None = None
    code: str | None = None
    route: str | None = None
    retry_after_s: float | None = None
    body: Mapping[str, object] | None = None
    """Top-level keys of the last attempt's body, with their JSON values; with none of them, that there is a body."""
    without: tuple[str, ...] | None = None
    """Top-level keys that the last attempt's body does not have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One routing test."""

    name: str
    place: Place
    body: bytes
    """The request, as JSON."""
    surface: Surface = Surface.CHAT
    path: PathSays = NOTHING_SAID
    """What the request's path says, on surfaces whose bodies do not."""
    headers: tuple[tuple[str, str], ...] = ()
    consumer: str | None = None
    """None is a caller who may use every name and is bound by no team."""
    at: datetime
    draw: float | None = None
    """None leaves hashed draws as they are; random ones are 0.5 then."""
    region: str = ""
    answers: Mapping[str, tuple[Scripted, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By provider, one for each attempt there; after the last one it answers 200."""
    unconfigured: frozenset[str] = frozenset()
    down: frozenset[str] = frozenset()
    """Providers whose breaker is open."""
    expected: Expected
