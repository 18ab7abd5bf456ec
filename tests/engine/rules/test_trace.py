import json
from typing import TYPE_CHECKING

from engine.errors import OutcomeKind
from engine.rules.program import Offer
from engine.rules.trace import trace, tree

if TYPE_CHECKING:
    from tests.engine.rules.conftest import Make


def test_a_plain_decision_has_only_what_was_decided(make: "Make", market: list[Offer]) -> None:
    """A row is small when nothing special happened."""
    decision = make.asked(make.program(*market), "openai/mini")
    assert json.loads(trace(decision)) == {
        "path": ["openai/mini"],
        "pool": "openai/mini",
        "strategy": "ordered",
        "draw": 0.5,
        "chain": [
            ["openai/mini@openai", "offers openai/mini", "providers.d/openai.yaml:10"],
            ["openai/mini@groq", "offers openai/mini", "providers.d/groq.yaml:10"],
        ],
    }


def test_every_part_of_a_decision_is_told_with_its_place(make: "Make", market: list[Offer]) -> None:
    """The row and the tree name the rule, the virtual model, what was left out and why."""
    pool = make.pool("openai/mini", fallback=["xai/grok"], fallback_for={OutcomeKind.CONTEXT_LENGTH: ["xai/grok"]})
    program = make.program(
        *market,
        virtuals=[make.virtual("support", make.pool("qwen/small"))],
        rules=[make.rule("to-mini", "support", to=pool)],
        aliases={"help": "support"},
    )
    decision = make.asked(program, "help", world=make.world(unconfigured={"groq"}))
    told = json.loads(trace(decision))
    assert told["rule"] == ["to-mini", "routes.yaml:50"]
    assert told["virtual"] == ["support", "routes.yaml:20"]
    assert told["chains_for"] == {
        "context_length": [["xai/grok@xai", "for context_length in to-mini", "routes.yaml:1"]]
    }
    assert told["dropped"] == [
        ["openai/mini@groq", "unconfigured", "groq has no credentials here", "providers.d/groq.yaml:1"]
    ]
    assert tree(trace(decision)) == [
        "help -> support",
        "  virtual model support  (routes.yaml:20)",
        "  rule to-mini  (routes.yaml:50)",
        "  pool to-mini, ordered, draw 0.5",
        "  chain",
        "    1. openai/mini@openai  ordered in to-mini  (routes.yaml:1)",
        "    2. xai/grok@xai  fallback of to-mini  (routes.yaml:1)",
        "  chain for context_length",
        "    1. xai/grok@xai  for context_length in to-mini  (routes.yaml:1)",
        "  left out",
        "    openai/mini@groq: unconfigured: groq has no credentials here  (providers.d/groq.yaml:1)",
    ]


def test_a_refusal_and_a_forced_attempt_are_told(make: "Make", market: list[Offer]) -> None:
    """Why nothing was tried, or why something was tried all the same."""
    program = make.program(*market)
    refused = make.asked(program, "xai/grok", world=make.world(unconfigured={"xai"}))
    assert json.loads(trace(refused))["refusal"] == [503, "provider_unconfigured", "providers.d/xai.yaml:1"]
    assert tree(trace(refused))[-1] == "  refused with 503 provider_unconfigured"
    forced = make.asked(program, "xai/grok", world=make.world(blocked={"xai/grok@xai": make.now_s + 9}))
    assert json.loads(trace(forced))["forced"] is True
    assert "  breakers alone left nothing: the least bad is tried" in tree(trace(forced))
