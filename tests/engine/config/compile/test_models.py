from collections.abc import Callable

from engine.config.build import Built
from engine.snapshot import ProviderPart
from engine.values import CONVERSATIONS, Surface

Build = Callable[..., Built]
GAMMA = """
id: gamma
protocol: sandbox
models:
  a/plain: {price: free}
  a/full:
    upstream: full-1
    context: 128k
    aliases: [full]
    output: [embedding]
    lifecycle: {retired: 2027-01-01, successor: a/plain}
    price: free
  "b/*": {upstream: "deployment-*", price: unknown, on_unpriced: {reserve_usd: 0.5}}
"""


def _part(built: Build) -> ProviderPart:
    parts = built({"providers.d/gamma.yaml": GAMMA}).parts
    assert parts is not None
    return parts.providers[-1]


def test_what_is_left_out_follows_from_the_name(built: Build) -> None:
    """A model goes upstream by its own name, takes text, gives text, and serves every conversation."""
    plain = _part(built).offers[0]
    assert (plain.upstream_model, plain.context, plain.surfaces) == ("a/plain", None, CONVERSATIONS)


def test_what_is_said_is_compiled(built: Build) -> None:
    """Counts are numbers, dates are dates, and what gives vectors is served as that and nothing else."""
    full = _part(built).offers[1]
    assert (full.upstream_model, full.context, full.surfaces) == ("full-1", 128_000, frozenset({Surface.EMBEDDINGS}))
    assert (str(full.lifecycle.retired), full.lifecycle.successor) == ("2027-01-01", "a/plain")


def test_patterns_stand_beside_the_offers(built: Build) -> None:
    """A pattern is no offer itself; the aliases of listed models are the provider's."""
    part = _part(built)
    (pattern,) = part.patterns
    assert (pattern.glob, pattern.upstream, pattern.template.on_unpriced.deny) == ("b/*", "deployment-*", False)
    assert [offer.model for offer in part.offers] == ["a/plain", "a/full"]
    assert dict(part.aliases) == {"full": "a/full"}
