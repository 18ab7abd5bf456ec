from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.bedrock.reasoning import maker_of, read_additional, write_reasoning, write_top_k


@pytest.mark.parametrize(
    ("model", "maker"),
    [
        ("us.anthropic.claude-sonnet-5", "anthropic"),
        ("anthropic/claude-opus-4.6", "anthropic"),
        ("arn:aws:bedrock:us-east-1:1:inference-profile/us.amazon.nova-micro-v1:0", "nova"),
        ("arn:aws:bedrock:us-east-1:1:application-inference-profile/abc", ""),
        ("openai.gpt-oss-120b-1:0", "openai"),
        ("qwen.qwen3-32b-v1:0", "qwen"),
        ("meta.llama3-8b-instruct-v1:0", "meta"),
        ("", ""),
    ],
)
def test_the_maker_stands_in_the_name(model: str, maker: str) -> None:
    """An id, an inference profile, an ARN and a canonical name tell it; an application's profile does not."""
    assert maker_of(model) == maker


def said(model: str, max_tokens: int | None = None, adaptive: bool | None = None, **asked: Any) -> object:
    request = hub.Request(model=model, messages=(), max_tokens=max_tokens, reasoning=hub.Reasoning(**asked))
    return write_reasoning(request, maker_of(model), adaptive=adaptive)


HIGH = {"thinking": {"type": "adaptive"}, "output_config": {"effort": "high"}}


@pytest.mark.parametrize(
    ("model", "asked", "fields"),
    [
        ("anthropic.claude-opus-4-8", {"effort": "high"}, HIGH),
        ("us.anthropic.claude-sonnet-5", {"effort": "high"}, HIGH),
        ("anthropic.claude-sonnet-4-6", {"effort": "high"}, HIGH),
        (
            "anthropic.claude-sonnet-4-6",
            {"budget_tokens": 2000},
            {"thinking": {"type": "enabled", "budget_tokens": 2000}},
        ),
        (
            "anthropic.claude-opus-4-8",
            {"budget_tokens": 2000},
            {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        ),
        (
            "us.anthropic.claude-sonnet-4-20250514-v1:0",
            {"effort": "high"},
            {"thinking": {"type": "enabled", "budget_tokens": 16384}},
        ),
        (
            "anthropic.claude-3-7-sonnet-20250219-v1:0",
            {"effort": "low"},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        ),
        ("anthropic.claude-opus-4-8", {"effort": "none"}, {"thinking": {"type": "disabled"}}),
        ("anthropic.claude-3-5-sonnet-20240620-v1:0", {"effort": "high"}, None),
        (
            "us.amazon.nova-2-lite-v1:0",
            {"effort": "xhigh"},
            {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}},
        ),
        ("us.amazon.nova-2-lite-v1:0", {"enabled": False}, {"reasoningConfig": {"type": "disabled"}}),
        ("openai.gpt-oss-120b-1:0", {"effort": "minimal"}, {"reasoning_effort": "low"}),
        ("qwen.qwen3-32b-v1:0", {"effort": "high"}, {"reasoning_config": "high"}),
        ("meta.llama3-8b-instruct-v1:0", {"effort": "high"}, None),
        ("application-inference-profile/abc", {"effort": "high"}, None),
    ],
)
def test_each_makers_models_are_told_in_their_way(model: str, asked: dict[str, Any], fields: object) -> None:
    """Effort or budget, by what the model takes; None for those that cannot be told."""
    assert said(model, **asked) == fields


def test_what_the_caller_knows_of_the_model_counts_more_than_its_name() -> None:
    """`adaptive` is a fact of the configuration where it stands there."""
    assert said("anthropic.claude-sonnet-4-20250514-v1:0", adaptive=True, effort="high") == HIGH


def test_a_budget_leaves_room_for_an_answer() -> None:
    """The bound holds thoughts and answer; where no budget fits in it there is no thinking."""
    model = "anthropic.claude-sonnet-4-20250514-v1:0"
    assert said(model, 4000, effort="high") == {"thinking": {"type": "enabled", "budget_tokens": 3000}}
    assert said(model, 1000, effort="high") is None


def test_top_k_is_for_some() -> None:
    """Claude and Mistral take it by name, Nova inside its own configuration, others not at all."""
    assert write_top_k(5, "anthropic") == {"top_k": 5}
    assert write_top_k(5, "nova") == {"inferenceConfig": {"topK": 5}}
    assert write_top_k(5, "meta") is None


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled", "budget_tokens": "x"}},
        {"top_k": "many"},
        {"thinking": {"type": "enabled", "budget_tokens": 2000, "new": 1}},
        {"reasoningConfig": {"type": "enabled"}},
        {"output_config": {"effort": "high"}},
    ],
)
def test_what_is_not_understood_is_left_as_it_is(fields: object) -> None:
    """Additional fields that say something else, or more, are not read in part."""
    raws = msgspec.json.decode(msgspec.json.encode(fields), type=dict[str, msgspec.Raw])
    assert read_additional(raws) == (None, None, raws)
