"""What is paid by the picture, the minute, the character or the search, on the whole system, to the pico-dollar."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.system.answering import answering

PICTURE = {
    "type": "image_generation.completed",
    "b64_json": "QUJD",
    "usage": {"input_tokens": 10, "output_tokens": 100, "total_tokens": 110},
}
EVENTS = "".join(f"data: {json.dumps(event)}\n\n" for event in ({"type": "image_generation.partial_image"}, PICTURE))
ANSWERS = {
    "/v1/images/generations": ("application/json", b'{"created":1,"data":[{"b64_json":"QQ"},{"b64_json":"QQ"}]}'),
    "/v1/images/edits": ("text/event-stream", EVENTS.encode()),
    "/v1/audio/transcriptions": ("application/json", b'{"text":"hello","usage":{"type":"duration","seconds":9}}'),
    "/v1/audio/translations": ("text/plain", b"hello"),
    "/v1/audio/speech": ("audio/mpeg", b"ID3" * 1000),
    "/v1/rerank": ("application/json", b'{"id":"r","results":[],"meta":{"billed_units":{"search_units":2}}}'),
    "/v1/embeddings": (
        "application/json",
        b'{"object":"list","data":[],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}',
    ),
}
FILE = """
id: units
protocol: openai
base_url: http://127.0.0.1:{port}/v1
allow_private: [127.0.0.0/8]
auth: {{scheme: none}}
discount: 50%
models:
  u/pictures: {{output: [image], price: [{{from: 2026-01-01, usd_per_image: 0.04}}]}}
  u/painted:
    input: [text, image]
    output: [image]
    features: [streaming]
    price: [{{from: 2026-01-01, usd_per_mtok: {{input: 5, output: 40}}}}]
  u/ear:
    input: [audio]
    surfaces: [transcriptions, translations]
    price: [{{from: 2026-01-01, usd_per_audio_minute: 0.006}}]
  u/voice: {{output: [audio], price: [{{from: 2026-01-01, usd_per_mchar: 15}}]}}
  u/order: {{surfaces: [rerank], price: [{{from: 2026-01-01, usd_per_search: 0.002}}]}}
  u/vectors: {{output: [embedding], price: [{{from: 2026-01-01, usd_per_request: 0.001}}]}}
"""


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any]) -> Iterator[Any]:
    with answering(ANSWERS) as provider:
        gateway = make_gateway({"providers.d/units.yaml": FILE.format(port=provider.port)})
        gateway.start()
        yield gateway
        gateway.stop()


@pytest.fixture
def row(gateway: Any, key: str) -> Callable[..., dict[str, Any]]:
    """Asks, and gives the attempt's row, priced again in SQL."""

    def row(path: str, **what: Any) -> dict[str, Any]:
        answer = httpx.post(f"{gateway.url}{path}", headers={"authorization": f"Bearer {key}"}, timeout=30, **what)
        assert answer.status_code == 200, answer.text
        request_id = answer.headers["x-request-id"]
        (found,) = gateway.sql(
            "select attempts.*, requests.cost_pusd as request_cost_pusd, cost_today_pusd"
            " from attempts join requests using (request_id) join attempt_costs using (request_id, n)"
            f" where request_id = '{request_id}'"
        )
        assert found["cost_pusd"] == found["request_cost_pusd"] == found["cost_today_pusd"]
        return dict(found)

    return row


def sound(model: str) -> dict[str, Any]:
    return {"data": {"model": model}, "files": {"file": ("a.wav", b"RIFF")}}


def test_pictures(row: Callable[..., dict[str, Any]]) -> None:
    """Two pictures at four cents, half of it taken off by contract."""
    found = row("/v1/images/generations", json={"model": "u/pictures@units", "prompt": "a cat"})
    assert (found["images"], found["cost_pusd"], found["list_cost_pusd"]) == (2, 4 * 10**10, 8 * 10**10)


def test_a_streamed_picture_is_paid_by_token(row: Callable[..., dict[str, Any]]) -> None:
    """The picture is counted, and its tokens are what is paid: the price lists no picture."""
    body = {"model": "u/painted@units", "prompt": "a cat", "stream": True, "images": [{"image_url": "https://x.y/z"}]}
    found = row("/v1/images/edits", json=body)
    assert (found["images"], found["image_output_tokens"]) == (1, 100)
    assert found["list_cost_pusd"] == 10 * 5_000_000 + 100 * 40_000_000


def test_sound_by_the_minute(row: Callable[..., dict[str, Any]]) -> None:
    """Nine seconds are a part of a minute."""
    found = row("/v1/audio/transcriptions", **sound("u/ear@units"))
    assert (found["audio_ms"], found["list_cost_pusd"]) == (9000, 9 * 10**8)


def test_sound_of_unknown_length_is_unpriced(row: Callable[..., dict[str, Any]]) -> None:
    """A transcript in plain text does not tell how long the sound was: the cost is unknown, not 0."""
    found = row("/v1/audio/translations", **sound("u/ear@units"))
    assert (found["audio_ms"], found["cost_pusd"]) == (None, None)
    assert found["cost_problem"] == "the answer does not tell how much audio it is for"


def test_speech_by_the_character(row: Callable[..., dict[str, Any]]) -> None:
    """Characters are those of the request, since an answer of sound tells none."""
    found = row("/v1/audio/speech", json={"model": "u/voice@units", "input": "Grüße", "voice": "alloy"})
    assert (found["characters"], found["list_cost_pusd"]) == (5, 5 * 15_000_000)


def test_searches(row: Callable[..., dict[str, Any]]) -> None:
    """As many as the provider bills."""
    found = row("/v1/rerank", json={"model": "u/order@units", "query": "q", "documents": ["a"]})
    assert (found["search_units"], found["list_cost_pusd"]) == (2, 4 * 10**9)


def test_a_flat_fee(row: Callable[..., dict[str, Any]]) -> None:
    """A price per request alone is the whole price, whatever was counted."""
    found = row("/v1/embeddings", json={"model": "u/vectors@units", "input": "hi"})
    assert (found["input_tokens"], found["list_cost_pusd"], found["images"]) == (3, 10**9, None)


def test_metrics(gateway: Any, key: str, row: Callable[..., dict[str, Any]]) -> None:
    """Each unit has a counter."""
    row("/v1/rerank", json={"model": "u/order@units", "query": "q", "documents": ["a"]})
    text = httpx.get(f"{gateway.url}/metrics", headers={"authorization": f"Bearer {key}"}).text
    assert 'engine_search_units_total{model="u/order",provider="units"}' in text
