from fractions import Fraction
from pathlib import Path

from engine.config import bundle as bundles
from engine.config.build import build
from engine.snapshot import ProviderPart

BASE = Path(__file__).parents[3] / "config" / "base"
ALPHA = """
id: alpha
protocol: sandbox
headers: {X-A: a, X-C: c}
timeouts: {total: 4m}
data: {region: us, trains: false}
models:
  openai/gpt-4o: {price: free}
  openai/other: {price: free, headers: {X-B: b, x-c: C}, timeouts: {connect: 1s}, data: {region: eu}, discount: 10%}
"""


def _part() -> ProviderPart:
    built = build(bundles.laid_over(bundles.read(BASE), {"providers.d/alpha.yaml": ALPHA.encode()}))
    assert built.problems == ()
    assert built.parts is not None
    return built.parts.providers[0]


def test_a_model_without_overrides_shares_its_provider() -> None:
    """Most offers hold the very provider of their file, so that a snapshot of thousands stays small."""
    part = _part()
    assert part.offers[0].provider is part.provider


def test_a_model_overrides_by_key() -> None:
    """Mappings merge with the provider's, headers in any case; scalars replace, and the rest is the provider's own."""
    plain, other = (offer.provider for offer in _part().offers)
    assert other.headers == (("X-A", "a"), ("X-B", "b"), ("x-c", "C"))
    assert (other.timeouts.connect_s, other.timeouts.total_s) == (1.0, 240.0)
    assert dict(other.data) == {"region": "eu", "trains": False}
    assert (plain.discount, other.discount) == (Fraction(0), Fraction(1, 10))
    assert other.breaker is plain.breaker
