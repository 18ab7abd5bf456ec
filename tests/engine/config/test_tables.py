from collections.abc import Callable

from engine.config.build import Built

BETA = """
id: beta
protocol: sandbox
discount: 12.5%
data: {trains: false, retention: 30d}
models:
  qwen/qwen-3-32b:
    context: 128k
    lifecycle: {retired: 2027-01-01}
    price:
      - from: 2026-01-01
        usd_per_mtok: {input: 1, output: 2}
        usd_per_request: 0.5
        tiers: [{above_input_tokens: 100, usd_per_mtok: {input: 3, output: 4}}]
"""


def test_rows(built: Callable[..., Built]) -> None:
    """Providers, offers, periods and tiers become rows with plain values, each with its place."""
    rows = [row for row in built({"providers.d/beta.yaml": BETA}).tables if row["provider"] == "beta"]
    provider, model, *_ = rows
    assert provider["table"] == "providers"
    assert provider["data"] == {"retention": "30", "trains": "false"}
    assert (provider["discount_numerator"], provider["discount_denominator"]) == (1, 8)
    assert model["table"] == "models"
    assert (model["context_tokens"], model["retired_on"], model["place"]) == (
        128_000,
        "2027-01-01",
        "providers.d/beta.yaml:7",
    )
    prices = [row for row in rows if row["table"] == "prices"]
    assert [(p["above_input_tokens"], p["input_pusd_per_token"], p["request_pusd"]) for p in prices] == [
        (0, 10**6, 5 * 10**11),
        (100, 3 * 10**6, 5 * 10**11),
    ]
