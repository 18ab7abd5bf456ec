"""An unchanged OpenAI SDK in front of the running gateway."""

from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest

MODELS = """
models:
  fallen: {targets: [t/status-500:sdk@a], fallback: [t/ok@b]}
"""
WEATHER: Any = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


@pytest.fixture(scope="module")
def client(make_gateway: Callable[..., Any], key: str) -> Iterator[openai.OpenAI]:
    gateway = make_gateway({"routes.d/sdk.yaml": MODELS})
    gateway.start()
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client
    gateway.stop()


def ask(client: openai.OpenAI, model: str = "t/ok", **more: Any) -> Any:
    return client.chat.completions.create(model=model, messages=[{"role": "user", "content": "hello"}], **more)


def test_plain(client: openai.OpenAI) -> None:
    """A completion comes back whole, with its usage."""
    answer = ask(client)

    assert answer.choices[0].message.content == "Hello from the loopback."
    assert answer.usage.total_tokens == 17


def test_stream(client: openai.OpenAI) -> None:
    """A stream arrives in its parts, without the usage chunk that nobody asked for."""
    chunks = list(ask(client, stream=True))
    text = "".join(c.choices[0].delta.content or "" for c in chunks)

    assert text == "Hello from the loopback."
    assert all(chunk.choices for chunk in chunks)


def test_stream_with_usage(client: openai.OpenAI) -> None:
    """A caller who asks for usage gets the chunk."""
    *_, last = ask(client, stream=True, stream_options={"include_usage": True})

    assert last.usage.prompt_tokens == 12


@pytest.mark.parametrize("stream", [False, True])
def test_tools(client: openai.OpenAI, *, stream: bool) -> None:
    """Tool calls come through, streamed or not."""
    answer = ask(client, tools=[WEATHER], stream=stream)
    calls = (
        [c for chunk in answer for c in chunk.choices[0].delta.tool_calls or ()]
        if stream
        else answer.choices[0].message.tool_calls
    )

    assert calls[0].function.name == "weather"
    assert calls[0].function.arguments == '{"city": "Oslo"}'


@pytest.mark.parametrize("stream", [False, True])
def test_failover_is_not_noticed(client: openai.OpenAI, *, stream: bool) -> None:
    """A failing provider is followed by another within the same call."""
    raw = client.chat.completions.with_raw_response.create(
        model="fallen", messages=[{"role": "user", "content": "hello"}], stream=stream
    )

    assert raw.headers["x-engine-provider"] == "b"
    assert raw.headers["x-engine-attempts"] == "3"


def test_models(client: openai.OpenAI) -> None:
    """The list of models begins with the virtual ones."""
    names = [model.id for model in client.models.list()]

    assert names[0] == "fallen"
    assert "t/ok" in names


def test_unknown_model(client: openai.OpenAI) -> None:
    """A name that does not exist is the SDK's NotFoundError, with the nearest name in its message."""
    with pytest.raises(openai.NotFoundError, match="t/ok") as caught:
        ask(client, model="t-ok")

    assert caught.value.code == "model_not_found"
    assert caught.value.request_id


def test_wrong_key(client: openai.OpenAI) -> None:
    """A wrong key is the SDK's AuthenticationError."""
    with pytest.raises(openai.AuthenticationError):
        ask(client.with_options(api_key="sk-wrong"))


def test_provider_refuses_our_key(client: openai.OpenAI) -> None:
    """The provider's own 401 is never the caller's."""
    with pytest.raises(openai.InternalServerError) as caught:
        ask(client, model="t/status-401:sdk")

    assert caught.value.status_code == 503
    assert "sk-canary" not in str(caught.value)
