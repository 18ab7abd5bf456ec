"""The shipped files with a model added: what they say of models by pattern holds for more than those they list."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.config.build import build
from engine.config.bundle import Bundle, read
from engine.errors import Place
from engine.planning.run import Result, run
from engine.planning.scenario import Expected, Scenario
from engine.snapshot import assemble

SHIPPED = read(Path(__file__).parents[2]).files


def asked(provider: str, model: str, upstream: str, request: dict[str, Any], says: str = "") -> Result:
    """What comes of *request* once *provider* has the *model*, as *upstream* and with what its entry *says* more."""
    added = f"  {model}: {{upstream: {upstream}, features: [tools, reasoning], price: free, {says}}}\n"
    file = f"providers.d/{provider}.yaml"
    built = build(Bundle({**SHIPPED, file: SHIPPED[file] + added.encode()}))
    assert built.parts is not None, built.problems
    scenario = Scenario(
        name="a request",
        place=Place(file, 1),
        body=msgspec.json.encode({"messages": [{"role": "user", "content": "hello"}], **request}),
        at=datetime(2026, 11, 27, tzinfo=UTC),
        expected=Expected(status=200),
    )
    return run(assemble(built.parts), scenario)


@pytest.mark.parametrize("upstream", ["qwen3-32b", "qwen-3-480b"])
def test_every_spelling_of_qwen_3_at_cerebras_is_told_not_to_reason(upstream: str) -> None:
    """With a hyphen and without: a hybrid model there answers 400 unless it is told."""
    result = asked("cerebras", "qwen/added", upstream, {"model": "qwen/added@cerebras"})
    assert result.differences == ()
    assert result.sent["disable_reasoning"] is True


@pytest.mark.parametrize("upstream", ["grok-build-2", "grok-code-fast"])
def test_no_reasoning_grok_gets_what_it_refuses(upstream: str) -> None:
    """Penalties and `stop` are kept from models of xAI's that are not called by a number, too."""
    result = asked("xai", "x-ai/added", upstream, {"model": "x-ai/added", "presence_penalty": 1, "stop": "END"})
    assert result.differences == ()
    assert {"presence_penalty", "stop"}.isdisjoint(result.sent)


def test_a_grok_that_does_not_reason_gets_all_of_it() -> None:
    """They are parameters like any other there."""
    result = asked("xai", "x-ai/added", "grok-3-mini", {"model": "x-ai/added", "presence_penalty": 1, "stop": "END"})
    assert result.differences == ()
    assert (result.sent["presence_penalty"], result.sent["stop"]) == (1, "END")


@pytest.mark.parametrize("provider", ["openai", "azure"])
@pytest.mark.parametrize("upstream", ["o4-mini", "gpt-5", "gpt-5-nano", "gpt-5.2-pro", "gpt-5.3-codex", "gpt-5.9"])
def test_no_reasoning_gpt_is_sampled(provider: str, upstream: str) -> None:
    """What reasons unless told otherwise gets no temperature, and the bound by the name that it knows."""
    request = {"model": f"openai/added@{provider}", "temperature": 0.2, "max_tokens": 100}
    result = asked(provider, "openai/added", upstream, request)
    assert result.differences == ()
    assert {"temperature", "max_tokens"}.isdisjoint(result.sent)
    assert result.sent["max_completion_tokens"] == 100


@pytest.mark.parametrize("provider", ["openai", "azure"])
@pytest.mark.parametrize("upstream", ["o4-mini", "gpt-5", "gpt-5-nano", "gpt-5.2-pro"])
def test_what_always_reasons_is_not_told_not_to(provider: str, upstream: str) -> None:
    """It would refuse, and samples as little as ever."""
    request = {"model": f"openai/added@{provider}", "temperature": 0.2, "reasoning_effort": "none"}
    result = asked(provider, "openai/added", upstream, request)
    assert result.differences == ()
    assert {"temperature", "reasoning_effort"}.isdisjoint(result.sent)


@pytest.mark.parametrize("provider", ["openai", "azure"])
@pytest.mark.parametrize("upstream", ["gpt-5.1", "gpt-5.4", "gpt-5.4-mini"])
def test_what_reasons_only_when_asked_to_is_sampled(provider: str, upstream: str) -> None:
    """Its temperature passes."""
    result = asked(provider, "openai/added", upstream, {"model": f"openai/added@{provider}", "temperature": 0.2})
    assert result.differences == ()
    assert result.sent["temperature"] == 0.2


@pytest.mark.parametrize("provider", ["openai", "azure"])
def test_by_the_responses_api_it_is_asked_for_log_probabilities(provider: str) -> None:
    """Under the name that the API has for them."""
    request = {"model": f"openai/added@{provider}", "logprobs": True, "top_logprobs": 2}
    result = asked(provider, "openai/added", "gpt-5.4", request, "dialect: {responses: true}")
    assert result.differences == ()
    assert (result.sent["top_logprobs"], result.sent["include"]) == (2, ["message.output_text.logprobs"])


def test_models_of_mistralai_stay_at_openrouter_when_others_offer_them() -> None:
    """A rule pins them, so a provider that stands before it in the defaults does not get them."""
    name = "mistralai/mistral-large-2512"
    result = asked("together", name, "mistral-large", {"model": name})
    assert result.differences == ()
    assert result.record is not None
    assert [str(one.provider) for one in result.record.attempts] == ["openrouter"]
