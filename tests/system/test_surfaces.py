"""The smaller surfaces on the whole system: vectors, order, verdicts, pictures and sound, each with its row."""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator
from struct import unpack
from typing import Any

import httpx
import pytest

from tests.system.answering import Answering, answering

SOUND = bytes(range(256)) * 4_000
ANSWERS: dict[str, Any] = {
    "/v1/embeddings": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
        "model": "vectors-1",
        "usage": {"prompt_tokens": 3, "total_tokens": 3},
    },
    "/v1beta/models/gemini-vectors:batchEmbedContents": {"embeddings": [{"values": [0.5, -0.25]}]},
    "/vx/publishers/google/models/gemini-embedding-2:batchEmbedContents": {
        "embeddings": [{"values": [0.5, -0.25]}, {"values": [0.5, 0.25]}],
        "usageMetadata": {"promptTokenCount": 2},
    },
    "/vx/publishers/google/models/text-embedding-005:predict": {
        "predictions": [{"embeddings": {"values": [0.5, -0.25], "statistics": {"truncated": False, "token_count": 3}}}]
    },
    "/v1beta/models/gemini-pictures:generateContent": {
        "candidates": [
            {"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "QUJD"}}]}, "finishReason": "STOP"}
        ],
        "usageMetadata": {
            "promptTokenCount": 9,
            "candidatesTokenCount": 1290,
            "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1290}],
        },
    },
    "/vx/publishers/google/models/gemini-withheld:generateContent": {
        "candidates": [{"finishReason": "IMAGE_SAFETY", "finishMessage": "Unable to show it."}],
    },
    "/v1/responses": {
        "id": "resp_1",
        "object": "response",
        "created_at": 1,
        "model": "thinker-1",
        "status": "completed",
        "output": [
            {"id": "fc_1", "type": "function_call", "call_id": "call_1", "name": "look", "arguments": "{}"},
        ],
        "usage": {
            "input_tokens": 5,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": 7,
            "output_tokens_details": {"reasoning_tokens": 4},
            "total_tokens": 12,
        },
    },
    "/v1/rerank": {"id": "r", "results": [{"index": 1, "relevance_score": 0.9}]},
    "/v1/moderations": {"id": "m", "model": "x", "results": [{"flagged": True, "categories": {}}]},
    "/v1/images/generations": {"created": 1, "data": [{"b64_json": "QUJD"}]},
    "/v1/audio/transcriptions": {"text": "hello", "usage": {"type": "duration", "seconds": 3}},
    "/v1/audio/speech": ("audio/mpeg", SOUND),
    "/v1/messages/count_tokens": {"input_tokens": 42},
    "/vague/messages/count_tokens": {"tokens": "some"},
    "/vx/publishers/anthropic/models/count-tokens:rawPredict": {"input_tokens": 43},
    "/odd/rerank": {"object": "list", "data": [{"index": 1, "relevance_score": 0.9}], "usage": {"total_tokens": 7}},
    "/odd/audio/speech": {"audio_data": b64encode(SOUND).decode()},
}
FILES = """
id: {id}
name: {id}
protocol: {protocol}
base_url: http://127.0.0.1:{port}/{base}
allow_private: [127.0.0.0/8]
auth: {{scheme: none}}
dialect: {{{dialect}}}
models:
{models}
"""
OPENAI = """\
  s/vectors: {upstream: vectors-1, output: [embedding], price: free}
  s/pictures: {upstream: pictures-1, output: [image], price: free}
  s/voice: {upstream: voice-1, output: [audio], price: [{from: 2026-01-01, usd_per_mchar: 13}]}
  s/ear: {upstream: ear-1, input: [audio], surfaces: [transcriptions, translations], price: free}
  s/order: {upstream: order-1, surfaces: [rerank], price: free}
  s/thinker: {upstream: thinker-1, features: [tools], dialect: {responses: true}, price: free}
  omni-moderation-latest: {upstream: mod-1, surfaces: [moderations], price: free}
"""
ODD = """\
  s/order: {upstream: order-1, surfaces: [rerank], price: free}
  s/voice: {upstream: voice-1, output: [audio], features: [streaming], price: [{from: 2026-01-01, usd_per_mchar: 13}]}
"""
GEMINI = """\
  s/gemini-vectors: {upstream: gemini-vectors, output: [embedding], price: free}
  s/gemini-pictures:
    upstream: gemini-pictures
    output: [image]
    surfaces: [images]
    features: [streaming]
    price: [{from: 2026-01-01, usd_per_image: 0.04, usd_per_mtok: {input: 1, output: 2, image_output: 30}}]
"""
VERTEX = """\
  s/withheld: {upstream: gemini-withheld, output: [image], surfaces: [images], price: free}
  s/contents: {upstream: gemini-embedding-2, output: [embedding], price: free}
  s/instances: {upstream: text-embedding-005, output: [embedding], price: free}
  s/claude: {upstream: claude-1, dialect: {messages: true}, price: free}
"""
CLAUDE = "  s/claude: {upstream: claude-1, context: 1000, features: [tools, streaming], price: free}\n"


Post = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def provider() -> Iterator[Answering]:
    with answering(ANSWERS) as up:
        yield up


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], provider: Answering) -> Iterator[Any]:
    def file(name: str, protocol: str, base: str, models: str, *, dialect: str = "") -> str:
        port = provider.port
        return FILES.format(id=name, protocol=protocol, port=port, base=base, models=models, dialect=dialect)

    gateway = make_gateway(
        {
            "providers.d/small.yaml": file("small", "openai", "v1", OPENAI),
            "providers.d/gem.yaml": file("gem", "gemini", "v1beta", GEMINI),
            "providers.d/claude.yaml": file("claude", "anthropic", "v1", CLAUDE),
            "providers.d/vague.yaml": file("vague", "anthropic", "vague", CLAUDE),
            "providers.d/vx.yaml": file("vx", "vertex", "vx", VERTEX),
            "providers.d/br.yaml": file("br", "bedrock", "br", CLAUDE, dialect="messages: true"),
            "providers.d/odd.yaml": file("odd", "openai", "odd", ODD, dialect="rerank: voyage, speech: base64"),
        }
    )
    gateway.start()
    yield gateway
    gateway.stop()


def test_vectors_in_the_spelling_that_was_asked_for(post: Post) -> None:
    """OpenAI's SDK asks for base64; a provider that answers with numbers does not break it."""
    plain = post("/v1/embeddings", json={"model": "s/vectors@small", "input": "hi"}).json()
    packed = post("/v1/embeddings", json={"model": "s/vectors@small", "input": "hi", "encoding_format": "base64"})

    assert plain["data"][0]["embedding"] == [0.5, -0.25]
    assert unpack("<2f", b64decode(packed.json()["data"][0]["embedding"])) == (0.5, -0.25)


def test_vectors_from_a_provider_with_words_of_its_own(provider: Answering, post: Post) -> None:
    """OpenAI's request goes to Gemini as Gemini has it, and the answer comes back as OpenAI's."""
    answer = post("/v1/embeddings", json={"model": "s/gemini-vectors@gem", "input": ["hi"]}).json()
    path, _, body = provider.seen[-1]

    assert path == "/v1beta/models/gemini-vectors:batchEmbedContents"
    assert json.loads(body)["requests"][0]["content"] == {"parts": [{"text": "hi"}]}
    assert answer["data"][0]["embedding"] == [0.5, -0.25]
    assert answer["model"] == "gemini-vectors"


def test_vectors_of_vertex_in_either_of_its_ways(provider: Answering, gateway: Any, post: Post) -> None:
    """Gemini's models take many texts as Gemini has them, the older ones as instances; tokens are counted in both."""
    many = post("/v1/embeddings", json={"model": "s/contents@vx", "input": ["a", "b"], "dimensions": 2}).json()
    asked = provider.seen[-1].said
    one = post("/v1/embeddings", json={"model": "s/instances@vx", "input": "a", "dimensions": 2}).json()

    assert [each["embedding"] for each in many["data"]] == [[0.5, -0.25], [0.5, 0.25]]
    assert asked == {"requests": [{"content": {"parts": [{"text": t}]}, "outputDimensionality": 2} for t in "ab"]}
    assert provider.seen[-1].said == {
        "instances": [{"content": "a"}],
        "parameters": {"autoTruncate": False, "outputDimensionality": 2},
    }
    assert (many["usage"]["prompt_tokens"], one["usage"]["prompt_tokens"]) == (2, 3)
    rows = gateway.sql("select input_tokens from requests where provider = 'vx' and surface = 'embeddings' order by 1")
    assert [row["input_tokens"] for row in rows] == [2, 3]


def test_vectors_are_no_tokens(gateway: Any, post: Post) -> None:
    """Where no usage is reported the input is estimated, and there is no output."""
    post("/v1/embeddings", json={"model": "s/gemini-vectors@gem", "input": ["hi"]})
    rows = gateway.sql(
        "select input_tokens > 0 as has_input, output_tokens, usage_source from requests where provider = 'gem'"
    )

    assert rows[-1] == {"has_input": True, "output_tokens": 0, "usage_source": "estimated"}


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/rerank", {"model": "s/order@small", "query": "q", "documents": ["a", "b"]}),
        ("/v1/moderations", {"model": "omni-moderation-latest@small", "input": "x"}),
        ("/v1/images/generations", {"model": "s/pictures@small", "prompt": "a cat"}),
    ],
)
def test_what_passes_as_it_is(provider: Answering, post: Post, path: str, body: dict[str, Any]) -> None:
    """The provider sees its own name for the model, and the caller the provider's answer."""
    answer = post(path, json=body)

    assert answer.json() == ANSWERS[path]
    assert provider.seen[-1].said["model"].endswith("-1")


def test_pictures_from_gemini(provider: Answering, gateway: Any, post: Post) -> None:
    """OpenAI's request goes to Gemini as Gemini has it; the picture comes back as OpenAI's, and is paid as both."""
    asked = {"model": "s/gemini-pictures@gem", "prompt": "a cat", "size": "1536x1024", "n": 2}
    answer = post("/v1/images/generations", json=asked)
    body = answer.json()

    assert provider.seen[-1].said == {
        "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"], "imageConfig": {"aspectRatio": "3:2"}},
    }
    assert answer.headers["x-engine-dropped"] == "n"
    assert body["data"] == [{"b64_json": "QUJD"}]
    assert body["created"] > 1_700_000_000
    assert body["usage"]["output_tokens_details"] == {"image_tokens": 1290, "text_tokens": 0}
    [row] = gateway.sql(
        "select images, cost_usd from requests where requested_model = 's/gemini-pictures@gem' and status = 200"
    )
    assert row["images"] == 1
    assert float(row["cost_usd"]) == pytest.approx(0.04 + 9 / 1e6 + 1290 * 30 / 1e6)


@pytest.mark.parametrize(
    ("model", "more", "code"),
    [
        ("s/withheld@vx", {}, "content_filter"),
        ("s/gemini-pictures@gem", {"stream": True}, "surface_not_supported"),
    ],
)
def test_pictures_that_are_none(post: Post, model: str, more: dict[str, Any], code: str) -> None:
    """One that is withheld, and a stream, which Gemini's pictures have not: the caller's 400 says which."""
    refused = post("/v1/images/generations", json={"model": model, "prompt": "a cat", **more})

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == code


def test_a_form_keeps_its_file(provider: Answering, post: Post) -> None:
    """Sound goes through byte by byte; the model's name in the form is the provider's."""
    sound = bytes(range(256)) * 10
    answer = post("/v1/audio/transcriptions", data={"model": "s/ear@small"}, files={"file": ("a.wav", sound)})
    _, headers, body = provider.seen[-1]
    kind = headers["content-type"]

    assert answer.json()["text"] == "hello"
    assert kind.startswith("multipart/form-data; boundary=")
    assert sound in body
    assert b"ear-1" in body
    assert b"s/ear@small" not in body


def test_speech_comes_as_it_is(post: Post) -> None:
    """Bytes and their type, more than one read can hold; a cost that is asked for is no sound."""
    asked = {"model": "s/voice@small", "input": "say", "voice": "alloy"}
    answer = post("/v1/audio/speech", json=asked, headers={"x-engine-cost": "1"})

    assert answer.headers["content-type"] == "audio/mpeg"
    assert answer.content == SOUND


def test_an_order_from_a_provider_with_words_of_its_own(provider: Answering, gateway: Any, post: Post) -> None:
    """Cohere's request goes to Voyage as Voyage has it, the answer comes back as Cohere's, and its tokens are kept."""
    asked = {"model": "s/order@odd", "query": "q", "documents": ["a", {"text": "b"}], "top_n": 1}
    answer = post("/v1/rerank", json=asked).json()
    path, _, body = provider.seen[-1]

    assert path == "/odd/rerank"
    assert json.loads(body) == {"model": "order-1", "query": "q", "documents": ["a", "b"], "top_k": 1}
    assert answer["results"] == [{"index": 1, "relevance_score": 0.9}]
    assert gateway.sql("select input_tokens from requests where provider = 'odd'")[-1] == {"input_tokens": 7}


def test_speech_is_unpacked(gateway: Any, post: Post) -> None:
    """A provider that sends it in JSON is heard like any other, and paid for its characters."""
    asked = {"model": "s/voice@odd", "input": "say it", "voice": "alloy", "response_format": "wav"}
    answer = post("/v1/audio/speech", json=asked)
    events = post("/v1/audio/speech", json={**asked, "stream_format": "sse"})

    assert answer.headers["content-type"] == "audio/wav"
    assert answer.content == SOUND
    assert events.status_code == 400
    assert events.json()["error"]["code"] == "surface_not_supported"
    rows = gateway.sql("select cost_usd from requests where requested_model = 's/voice@odd' and status = 200")
    assert [float(row["cost_usd"]) for row in rows] == [6 * 13 / 1e6]


def test_a_count_that_is_none_is_not_passed_on(post: Post) -> None:
    """The provider answered, but no count: 502, not its words with a 200."""
    body = {"model": "s/claude@vague", "messages": [{"role": "user", "content": "hello"}]}
    answer = post("/v1/messages/count_tokens", json=body)

    assert answer.status_code == 502
    assert answer.json()["type"] == "error"


def test_tokens_are_counted_where_they_can_be(post: Post) -> None:
    """By the provider that speaks Anthropic's protocol; for another one the estimate says that it is one."""
    body = {"messages": [{"role": "user", "content": "hello"}]}
    counted = post("/v1/messages/count_tokens", json={"model": "s/claude@claude", **body})
    estimated = post("/v1/messages/count_tokens", json={"model": "t/ok", **body})

    assert counted.json() == {"input_tokens": 42}
    assert "x-engine-estimated" not in counted.headers
    assert estimated.json()["input_tokens"] > 0
    assert estimated.headers["x-engine-estimated"] == "1"


def test_claude_is_counted_at_the_cloud_that_can(provider: Answering, post: Post) -> None:
    """Vertex counts for the model that the body names; for Bedrock our estimate answers."""
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9}
    counted = post("/v1/messages/count_tokens", json={"model": "s/claude@vx", **body})
    estimated = post("/v1/messages/count_tokens", json={"model": "s/claude@br", **body})

    assert counted.json() == {"input_tokens": 43}
    assert "x-engine-estimated" not in counted.headers
    assert provider.seen[-1].said == {"model": "claude-1", "messages": body["messages"]}
    assert estimated.json()["input_tokens"] > 0
    assert estimated.headers["x-engine-estimated"] == "1"


def test_a_chat_with_tools_is_asked_by_the_responses_api(provider: Answering, post: Post) -> None:
    """`dialect: {responses: true}`: the caller speaks chat, its provider Responses; nothing is to be stored there."""
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    asked = {"model": "s/thinker@small", "messages": [{"role": "user", "content": "hi"}], "tools": [tool]}
    answer = post("/v1/chat/completions", json=asked).json()
    path, _, _ = provider.seen[-1]
    sent = provider.seen[-1].said

    assert path == "/v1/responses"
    assert [call["function"]["name"] for call in answer["choices"][0]["message"]["tool_calls"]] == ["look"]
    assert answer["usage"]["completion_tokens_details"]["reasoning_tokens"] == 4
    assert (sent["model"], sent["store"], sent["tools"][0]["name"]) == ("thinker-1", False, "look")


def test_a_model_of_another_kind_is_refused(post: Post) -> None:
    """Pictures are not vectors: 400 that says so."""
    refused = post("/v1/embeddings", json={"model": "s/pictures@small", "input": "hi"})

    assert refused.status_code == 400
    assert refused.json()["error"]["code"] == "surface_not_supported"


def test_each_has_its_row(gateway: Any, post: Post) -> None:
    """The surface is a column, and every request is accounted for."""
    post("/v1/embeddings", json={"model": "s/vectors@small", "input": "row"})
    rows = gateway.sql("select surface, count(*) as n, sum(input_tokens) as tokens from requests group by 1")
    by_surface = {row["surface"]: row for row in rows}

    assert {"embeddings", "rerank", "moderations", "images", "transcriptions", "speech"} <= by_surface.keys()
    assert by_surface["embeddings"]["tokens"] >= 3
