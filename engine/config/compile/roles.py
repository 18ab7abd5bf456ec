"""Permissions and the roles that ship: the one table of who may do what."""

from collections.abc import Mapping
from typing import Final

from engine.config.placed import Placed

__all__ = ["PERMISSIONS", "SHIPPED", "roles"]

PERMISSIONS: Final = ("config.read", "config.reload", "decision.explain", "metrics.read", "sql.query")

SHIPPED: Final[Mapping[str, frozenset[str]]] = {
    "admin": frozenset(PERMISSIONS),
    "operator": frozenset({"config.read", "config.reload", "decision.explain", "metrics.read"}),
    "analyst": frozenset({"metrics.read", "sql.query"}),
    "developer": frozenset({"config.read", "decision.explain"}),
    "user": frozenset(),
}
"""Inference needs a grant and no permission, so that `user` has none."""


def roles(declared: Placed) -> Mapping[str, frozenset[str]]:
    """Permissions by role; a declared role of a shipped name replaces it."""
    own = {name: frozenset(at.value) for name, at in declared.items()}
    return {**SHIPPED, **own}
