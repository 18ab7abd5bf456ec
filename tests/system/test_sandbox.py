"""The sandbox's models behind the running gateway, asked with an unchanged OpenAI SDK."""

import math
from base64 import b64decode
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    gateway = make_gateway({}, "--demo")
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def client(gateway: Any, key: str) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


def row(gateway: Any, model: str) -> Any:
    (found,) = gateway.sql(f"select * from attempts where model = '{model}' order by request_id desc limit 1")
    return found


def test_embeddings(gateway: Any, client: openai.OpenAI) -> None:
    """Vectors come as the SDK asks for them and as numbers, of the dimensions wanted, and are paid by token."""
    answer = client.embeddings.create(model="demo-embedding", input=["hello", "there"], dimensions=64)
    plain = client.embeddings.create(model="demo-embedding", input="hello", dimensions=64, encoding_format="float")

    assert [len(one.embedding) for one in answer.data] == [64, 64]
    assert math.hypot(*answer.data[0].embedding) == pytest.approx(1)
    assert plain.data[0].embedding == pytest.approx(answer.data[0].embedding)
    found = row(gateway, "sandbox/embedding")
    assert found["cost_pusd"] == plain.usage.prompt_tokens * 20_000 > 0


def test_images(gateway: Any, client: openai.OpenAI) -> None:
    """Pictures are PNG in base64, and are paid by the tokens that they are counted in."""
    answer = client.images.generate(model="demo-image", prompt="a cat", n=2, size="1024x1024", quality="low")

    assert answer.data is not None
    assert answer.usage is not None
    assert all(b64decode(image.b64_json or "").startswith(b"\x89PNG") for image in answer.data)
    assert answer.usage.output_tokens == 2 * 272
    found = row(gateway, "sandbox/image")
    assert (found["images"], found["image_output_tokens"]) == (2, 544)
    assert found["cost_pusd"] == answer.usage.input_tokens * 5_000_000 + 544 * 40_000_000


def test_faults(client: openai.OpenAI) -> None:
    """They fail on request as chats do, and are tried again."""
    vectors = client.embeddings.with_raw_response.create(
        model="demo-embedding", input="a", extra_headers={"x-sandbox-fault": "500 x1"}
    )
    pictures = client.images.with_raw_response.generate(
        model="demo-image", prompt="a", extra_headers={"x-sandbox-fault": "503 x1"}
    )

    assert [raw.headers["x-engine-attempts"] for raw in (vectors, pictures)] == ["2", "2"]


def test_each_has_its_endpoint(client: openai.OpenAI) -> None:
    """A chat does not reach the model for pictures: it is told so, and nothing is sent."""
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="demo-image", messages=[{"role": "user", "content": "hello"}])
