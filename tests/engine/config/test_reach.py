from collections.abc import Callable
from datetime import date

from engine.config.build import Built

Build = Callable[..., Built]
TODAY = date(2026, 11, 23)
EU = 'id: gamma\nprotocol: sandbox\ndata: {region: eu}\nmodels: {a/b: {price: free}, "c/*": {price: free}}\n'
HEALTH = "teams: {health: {models: [support], require: {region: eu}}}\n"


def slugs(result: Built) -> list[str]:
    return [problem.slug for problem in result.problems]


def test_a_rule_may_leave_what_the_name_itself_does_not(built: Build) -> None:
    """A team's `require` is met when a rule for the name leads to an offer that meets it."""
    rule = "routes: [{name: eu, match: {model: support, when: consumer.team == 'health'}, to: a/b@gamma}]\n"
    files = {"policies/a.yaml": HEALTH, "providers.d/gamma.yaml": EU}
    assert slugs(built(files)) == ["nothing-left"]
    assert slugs(built(files | {"routes.d/a.yaml": rule})) == []


def test_nested_models_count_as_what_they_lead_to(built: Build) -> None:
    """A fallback to a virtual model leaves the offers that this one has."""
    files = {
        "policies/a.yaml": "teams: {health: {models: [outer], require: {region: eu}}}\n",
        "providers.d/gamma.yaml": EU,
        "routes.d/a.yaml": "models: {outer: {targets: [openai/gpt-4o], fallback: [in]}, in: {targets: [a/b@gamma]}}\n",
    }
    assert slugs(built(files)) == []


def test_a_pattern_offers_targets(built: Build) -> None:
    """A model that nobody lists is a target where a pattern covers it, and only where names are looked for."""
    files = {"providers.d/gamma.yaml": EU}
    assert slugs(built(files | {"routes.d/a.yaml": "models: {x: {targets: [c/d@gamma]}}\n"})) == []
    assert slugs(built(files | {"routes.d/a.yaml": "models: {x: {targets: [e/f@gamma]}}\n"})) == ["unknown-model"]


def test_one_offer_in_service_is_enough(built: Build) -> None:
    """A model that one provider retires and another offers is no retired target."""
    retired = "id: %s\nprotocol: sandbox\nmodels: {openai/gpt-4o: {price: free%s}, qwen/qwen-3-32b: {price: free}}\n"
    gone = ", lifecycle: {retired: 2026-01-01}"
    both = {"providers.d/alpha.yaml": retired % ("alpha", gone), "providers.d/beta.yaml": retired % ("beta", "")}
    assert slugs(built(both, today=TODAY)) == []
    both["providers.d/beta.yaml"] = retired % ("beta", gone)
    assert slugs(built(both, today=TODAY)) == ["retired-target"]
    assert slugs(built(both, today=date(2025, 12, 31))) == []


def test_one_embedding_model_at_two_providers_is_one(built: Build) -> None:
    """The same vectors may come from anywhere."""
    vectors = "id: %s\nprotocol: sandbox\nmodels: {a/e: {price: free, output: [embedding]}}\n"
    files = {f"providers.d/{name}.yaml": vectors % name for name in ("gamma", "delta")}
    files["routes.d/a.yaml"] = "models: {e: {targets: [a/e@gamma], fallback: [a/e@delta]}}\n"
    assert slugs(built(files)) == []
