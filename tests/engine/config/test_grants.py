from collections.abc import Callable

import pytest

from engine.config.build import Built


@pytest.mark.parametrize(
    "granted",
    ["support", "gpt-4", "openai/gpt-4o", "openai/gpt-4o@alpha", '"openai/*"', '"*"', '"*@beta"', '"{support,gpt-4}"'],
)
def test_names_and_patterns_that_lead_somewhere_can_be_granted(built: Callable[..., Built], granted: str) -> None:
    """Virtual models, aliases, models, pins and patterns over them are names that can be handed out."""
    assert built({"policies/a.yaml": f"teams: {{lab: {{models: [{granted}]}}}}\n"}).problems == ()


def test_a_name_that_a_pattern_may_offer_can_be_granted(built: Callable[..., Built]) -> None:
    """Where a provider offers what is not listed, a pattern over it may match something."""
    gamma = 'id: gamma\nprotocol: sandbox\nmodels: {"far/*": {price: free}}\n'
    policy = 'teams: {lab: {models: ["far/away-*", far/home@gamma]}}\n'
    assert built({"providers.d/gamma.yaml": gamma, "policies/a.yaml": policy}).problems == ()
