"""JSON APIs of their own, described by a provider file alone, on the whole system."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tests.system.answering import JSON, Answering, answering

WORDS = {"result": {"text": "Hello there."}, "ended": "cut", "tokens": {"in": 7, "out": 3}}
PIECES = [{"piece": "Hello"}, {"piece": " there."}, {"ended": "cut", "tokens": {"in": 7, "out": 3}}]
ANSWERS: dict[str, Any] = {
    "/own/words-1/talk": WORDS,
    "/own/words-1/stream": (JSON, b"".join(json.dumps(piece).encode() + b"\n" for piece in PIECES)),
    "/plain/talk": WORDS,
    "/full/talk": {"fault": {"text": "no room", "word": "busy"}},
    "/own/draw/a%2Bb/c.d": {"images": [{"url": "https://pictures.example/2.png"}]},
    "/own/draw/pictures-1": {"images": [{"url": "https://pictures.example/1.png"}]},
}
FILE = """
id: {id}
protocol: template
base_url: http://127.0.0.1:{port}/{id}
allow_private: [127.0.0.0/8]
template:
  chat:
    path: {path}
    headers: {{X-Person: "{{{{ request.user }}}}"}}
    body:
      engine: "{{{{ upstream.model }}}}"
      talk: {{each: request.messages, item: {{who: "{{{{ message.role }}}}", says: "{{{{ message.text }}}}"}}}}
      heat: "{{{{ request.temperature }}}}"
    answer:
      text: /result/text
      finish: /ended
      finishes: {{cut: length}}
      usage: {{input: /tokens/in, output: /tokens/out}}
    error: {{message: /fault/text, code: /fault/word}}
{more}
models:
{models}
"""
STREAM = """\
    stream: {path: "/{model}/stream", framing: lines, text: /piece}
  pictures:
    path: "/draw/{model}"
    body: {what: "{{ request.prompt }}", wide: "{{ request.width }}"}
    answer: {url: /images/*/url}
"""
PRICE = "price: [{from: 2026-01-01, usd_per_mtok: {input: 1, output: 2}}]"
MODELS = f"""\
  t/words: {{upstream: words-1, features: [streaming], {PRICE}}}
  "any/*": {{upstream: "*", output: [image], price: free}}
  t/pictures: {{upstream: pictures-1, output: [image], price: [{{from: 2026-01-01, usd_per_image: 0.25}}]}}
"""
WORDS_ONLY = f"  t/words: {{upstream: words-1, features: [streaming], {PRICE}}}\n"
ROUTES = """\
version: 1
models:
  told: {targets: [t/words@full], fallback: [t/words@own]}
"""


Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def provider() -> Iterator[Answering]:
    with answering(ANSWERS) as up:
        yield up


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], provider: Answering) -> Iterator[Any]:
    def file(name: str, path: str, models: str, more: str = "") -> str:
        return FILE.format(id=name, port=provider.port, path=path, models=models, more=more)

    gateway = make_gateway(
        {
            "routes.d/template.yaml": ROUTES,
            "providers.d/own.yaml": file("own", '"/{model}/talk"', MODELS, STREAM),
            "providers.d/plain.yaml": file("plain", "/talk", WORDS_ONLY),
            "providers.d/full.yaml": file("full", "/talk", WORDS_ONLY),
        }
    )
    gateway.start()
    yield gateway
    gateway.stop()


TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}]


def data_of(answer: httpx.Response) -> list[Any]:
    """What the events of a stream say."""
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


def test_a_chat(gateway: Any, provider: Answering, post: Post) -> None:
    """The body is the template's, the answer OpenAI's, and its tokens are paid."""
    asked = {"model": "t/words@own", "messages": TALK, "temperature": 0.5, "user": "u-1", "seed": 4}
    answer = post("/v1/chat/completions", json=asked)
    asked_of = provider.seen[-1]
    body = asked_of.said

    assert (asked_of.path, asked_of.headers["x-person"]) == ("/own/words-1/talk", "u-1")
    assert body["engine"] == "words-1"
    assert body["talk"] == [{"who": "system", "says": "Be brief."}, {"who": "user", "says": "Hi"}]
    assert body["heat"] == 0.5
    choice = answer.json()["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Hello there.", "length")
    assert answer.headers["x-engine-dropped"] == "seed"
    assert answer.json()["usage"]["total_tokens"] == 10
    row = gateway.sql("select input_tokens, output_tokens, cost_usd from requests where provider = 'own'")[-1]
    assert (row["input_tokens"], row["output_tokens"], float(row["cost_usd"])) == (7, 3, 13e-6)


def test_a_stream_of_its_own(provider: Answering, post: Post) -> None:
    """Lines of JSON from the path for streams come out as Anthropic's events."""
    asked = {"model": "t/words@own", "messages": TALK[1:], "max_tokens": 9, "stream": True}
    events = data_of(post("/v1/messages", json=asked))

    assert provider.seen[-1].path == "/own/words-1/stream"
    assert [e["delta"]["text"] for e in events if e["type"] == "content_block_delta"] == ["Hello", " there."]
    assert [e["delta"]["stop_reason"] for e in events if e["type"] == "message_delta"] == ["max_tokens"]


def test_a_stream_of_a_whole_answer(post: Post) -> None:
    """An API without streams answers in one piece."""
    events = data_of(post("/v1/chat/completions", json={"model": "t/words@plain", "messages": TALK, "stream": True}))

    text = "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])
    assert text == "Hello there."


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_in_a_200_is_handed_over(provider: Answering, post: Post, stream: bool) -> None:
    """It stands where the template says that errors stand."""
    before = len(provider.seen)
    answer = post("/v1/chat/completions", json={"model": "told", "messages": TALK, "stream": stream})

    assert answer.status_code == 200
    assert answer.headers["x-engine-provider"] == "own"
    assert "/full/talk" in {one.path for one in provider.seen[before:]}


def test_content_that_has_no_place(post: Post) -> None:
    """A picture is refused before anything is sent."""
    part = {"type": "image_url", "image_url": {"url": "https://pictures.example/1.png"}}
    answer = post(
        "/v1/chat/completions", json={"model": "t/words@own", "messages": [{"role": "user", "content": [part]}]}
    )

    assert answer.status_code == 400


@pytest.mark.parametrize("name", ["x/../../talk", "..", "./x"])
def test_a_name_leads_to_no_other_path(provider: Answering, post: Post, name: str) -> None:
    """Names that a pattern takes stand in the path as they are, and none of them climbs out of it."""
    before = len(provider.seen)
    answer = post("/v1/images/generations", json={"model": f"any/{name}@own", "prompt": "a cat"})

    assert answer.status_code == 404
    assert len(provider.seen) == before


def test_names_of_a_pattern_keep_their_slashes(provider: Answering, post: Post) -> None:
    """They are part of the path, as fal has it."""
    answer = post("/v1/images/generations", json={"model": "any/a+b/c.d@own", "prompt": "a cat"})

    assert answer.status_code == 200, answer.text

    assert provider.seen[-1].path == "/own/draw/a%2Bb/c.d"


def test_pictures(gateway: Any, provider: Answering, post: Post) -> None:
    """OpenAI's callers get them, and each is paid."""
    answer = post("/v1/images/generations", json={"model": "t/pictures@own", "prompt": "a cat", "size": "640x480"})
    asked_of = provider.seen[-1]

    assert (asked_of.path, asked_of.said) == ("/own/draw/pictures-1", {"what": "a cat", "wide": 640})
    assert answer.json()["data"] == [{"url": "https://pictures.example/1.png"}]
    assert answer.json()["created"] > 0
    row = gateway.sql("select images, cost_usd from requests where requested_model = 't/pictures@own'")[-1]
    assert (row["images"], float(row["cost_usd"])) == (1, 0.25)
