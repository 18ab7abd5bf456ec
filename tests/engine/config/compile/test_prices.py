from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import bundle as bundles
from engine.config.build import build
from engine.pricing import Price

BASE = bundles.read(Path(__file__).parents[3] / "config" / "base")


def _prices(price: str) -> tuple[Price, ...]:
    alpha = f"id: alpha\nprotocol: sandbox\nmodels: {{openai/gpt-4o: {{price: {price}}}}}\n"
    built = build(bundles.laid_over(BASE, {"providers.d/alpha.yaml": alpha.encode()}))
    assert built.parts is not None
    return built.parts.providers[0].offers[0].prices


@settings(max_examples=20)
@given(st.integers(0, 10**9))
def test_money_is_exact(millionths: int) -> None:
    """Six decimal places per million tokens are so many pico-dollars per token, to the last digit."""
    written = f"{millionths // 10**6}.{millionths % 10**6:06}"
    (price,) = _prices(f"[{{from: 2026-01-01, usd_per_mtok: {{input: {written}, output: 0}}}}]")
    assert price.rates.input == millionths
    assert price.rates.output == 0


def test_free_and_unknown() -> None:
    """A free model costs nothing from the first day on; an unknown price is no price."""
    (free,) = _prices("free")
    assert (free.id, free.rates.input, free.rates.output) == ("alpha/openai/gpt-4o/1970-01-01", 0, 0)
    assert _prices("unknown") == ()
