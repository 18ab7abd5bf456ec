from collections.abc import Callable

import pytest

from engine.config.build import Built
from engine.errors import OutcomeKind
from engine.rules.program import Strategy, VirtualModel

Build = Callable[..., Built]


def _model(built: Build, written: str) -> VirtualModel:
    parts = built({"routes.d/a.yaml": f"models: {{small: {written}}}\n"}).parts
    assert parts is not None
    return next(model for model in parts.root.virtual if model.name == "small")


def test_a_virtual_model_inherits_what_it_does_not_say(built: Build) -> None:
    """`retry` merges by key with the defaults; `deadline` replaces theirs."""
    parts = built().parts
    assert parts is not None
    plain = _model(built, "{targets: [openai/gpt-4o]}")
    own = _model(built, "{targets: [openai/gpt-4o], retry: {attempts: 5}, deadline: 7s}")
    assert plain.retry == parts.root.retry
    assert (own.retry.attempts, own.retry.deadline_s) == (5, 7.0)
    assert own.retry.backoff_max_s == parts.root.retry.backoff_max_s


def test_targets_know_what_they_name(built: Build) -> None:
    """Another virtual model is told from a model; weights stay at their targets."""
    model = _model(built, "{strategy: weighted, targets: [{model: support, weight: 3}, openai/gpt-4o]}")
    assert model.pool.strategy is Strategy.WEIGHTED
    assert [(target.text, target.virtual, target.weight) for target in model.pool.targets] == [
        ("support", "support", 3),
        ("openai/gpt-4o", "", 1),
    ]


def test_timeout_stands_for_those_without_a_chain_of_their_own(built: Build) -> None:
    """`timeout` is all three timeouts; one that is named beside it keeps its own chain."""
    chains = "{timeout: [qwen/qwen-3-32b], timeout_total: []}"
    pool = _model(built, f"{{targets: [openai/gpt-4o], fallback_for: {chains}}}").pool
    assert {kind: [target.text for target in targets] for kind, targets in pool.fallback_for.items()} == {
        OutcomeKind.TIMEOUT_FIRST_TOKEN: ["qwen/qwen-3-32b"],
        OutcomeKind.TIMEOUT_BETWEEN_TOKENS: ["qwen/qwen-3-32b"],
        OutcomeKind.TIMEOUT_TOTAL: [],
    }


@pytest.mark.parametrize("to", ["openai/gpt-4o", "{targets: [openai/gpt-4o]}"])
def test_a_name_alone_is_a_pool_of_one(to: str, built: Build) -> None:
    """The short form of a rule's target means the same as the long one."""
    parts = built({"routes.d/a.yaml": f"routes: [{{name: r, match: {{model: support}}, to: {to}}}]\n"}).parts
    assert parts is not None
    rule = parts.root.rules[-1]
    assert (rule.index, rule.name) == (1, "r")
    assert ([target.text for target in rule.pool.targets], rule.pool.fallback) == (["openai/gpt-4o"], ())
