"""`policies/` → who may ask, what binds them, and what is kept of their requests."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import msgspec

from engine.config import scalars
from engine.config.compile.bounds import bounds
from engine.config.compile.roles import roles
from engine.config.compile.texts import globs
from engine.config.placed import Placed
from engine.config.report import Report
from engine.rules.match import Globs, covers
from engine.rules.program import Bounds, Caller
from engine.snapshot import Privacy, Recording

__all__ = ["anonymous", "callers", "privacy", "recording"]


class _Team(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    cost_center: str
    grant: Globs | None
    bounds: tuple[Bounds, ...]


def callers(policies: Placed, report: Report) -> Mapping[bytes, Caller]:
    """Digest (32 bytes) → caller, one for each key of each consumer."""
    teams = {name: _team(team, report) for name, team in policies["teams"].items()}
    permissions = roles(policies["access"]["roles"])
    found: dict[bytes, Caller] = {}
    for consumer in policies["consumers"].values():
        for digest, caller, key in _callers(consumer, teams, permissions, report):
            first = found.setdefault(digest, caller)
            if first is not caller:
                message = f"this key is listed at the consumer '{first.id}' already"
                related = (("first", first.place),) if first.place else ()
                report.error("key-twice", key["sha256"], message, hint="make a key for each use", related=related)
    return MappingProxyType(found)


def anonymous(access: Placed, report: Report) -> Caller | None:
    """The caller that requests without a key are taken for; None when they are refused."""
    at = access["anonymous"]
    if at.value == "deny":
        return None
    return Caller(id="anonymous", anonymous=True, grant=globs(at["models"], report), place=at.place)


def recording(record: Placed) -> Recording:
    """What is kept of headers and metadata."""
    return Recording(
        headers=frozenset(name.lower() for name in record["headers"].value),
        metadata=frozenset(record["metadata"].value),
        tags=frozenset(record["tags"].value),
    )


def privacy(at: Placed) -> Privacy:
    """How long usage is kept."""
    return Privacy(retention_days=scalars.days(at["default"]["retention"].value))


def _team(at: Placed, report: Report) -> _Team:
    grant = globs(at["models"], report) if "models" in at else None
    return _Team(
        name=at.name,
        cost_center=at["cost_center"].value if "cost_center" in at else "",
        grant=grant if at.is_whole("models") else None,
        bounds=bounds(f"team {at.name}", at, report),
    )


NO_TEAM = _Team(name="", cost_center="", grant=None, bounds=())


def _callers(
    at: Placed, teams: Mapping[str, _Team], permissions: Mapping[str, frozenset[str]], report: Report
) -> Iterator[tuple[bytes, Caller, Placed]]:
    """One caller for each key of a consumer, with the key's digest and where it is written."""
    team = teams.get(at["team"].value, NO_TEAM) if "team" in at else NO_TEAM
    own = bounds(f"consumer {at.name}", at, report)
    held = frozenset(at["roles"].value)
    grant = _grant(at, team, report)
    for label, key in at["keys"].items():
        caller = Caller(
            id=at.name,
            team=team.name,
            key_label=label,
            cost_center=at["cost_center"].value if "cost_center" in at else team.cost_center,
            roles=held,
            permissions=frozenset().union(*(permissions.get(role, frozenset()) for role in held)),
            tags=frozenset(at["tags"].value),
            grant=grant,
            bounds=(*team.bounds, *own),
            networks=tuple(map(scalars.network, at["networks"].value)),
            origins=frozenset(at["origins"].value),
            expires=scalars.day(key["expires"].value) if "expires" in key else None,
            place=at.key_place,
        )
        yield bytes.fromhex(key["sha256"].value), caller, key


def _grant(at: Placed, team: _Team, report: Report) -> Globs | None:
    """Names a consumer may ask for: its own list, which must lie within the team's, or else the team's."""
    if "models" not in at:
        return team.grant
    own = globs(at["models"], report)
    if own is not None and team.grant is not None and not covers(team.grant, own):
        message = f"grants more than the team '{team.name}' may use ({', '.join(team.grant.texts) or 'nothing'})"
        report.error("grant-exceeds-team", at["models"], message, hint="grant it to the team, or remove it here")
    return own
