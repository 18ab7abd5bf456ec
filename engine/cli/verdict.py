"""What a whole check of one variant of a configuration comes to, in plain values that a cache can keep.

Its own module, because it brings in all that compiles a configuration: more than a check needs that is answered from
the cache.
"""

from datetime import date
from typing import Any

from engine.config.build import build
from engine.config.bundle import Bundle
from engine.config.cache import Cache
from engine.config.secrets import needs
from engine.errors import Problem

__all__ = ["verdict"]


def verdict(bundle: Bundle, cache: Cache, today: date) -> tuple[Any, ...]:
    """The `engine.cli.validate.Verdict` on *bundle*, as a plain tuple."""
    built = build(bundle, cache, today=today)
    needed = needs(built.parts) if built.parts is not None else ()
    secrets = [
        (
            need.secret.scheme,
            need.secret.name,
            Problem(
                slug="missing-secret",
                place=need.place,
                key=f"auth.keys.{need.key}.{need.part}" if need.key else "",
                message=f"provider '{need.provider}' needs {need.secret}, which is not there",
                hint="set it, or mark the provider `optional: true`",
            ),
        )
        for need in needed
        if not need.optional
    ]
    return (built.problems, dict(built.counts), tuple(secrets))
