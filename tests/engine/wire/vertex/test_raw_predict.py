import msgspec
import pytest

from engine.errors import OutcomeKind
from engine.wire.json_edit import Fields
from engine.wire.vertex.raw_predict import finish, finish_count, read_error, read_reply_error

ASKED = {
    "model": "claude",
    "max_tokens": 64,
    "messages": [{"role": "user", "content": "hello"}],
    "anthropic_version": "2023-06-01",
    "tools": [{"type": "web_search_20250305", "name": "web_search"}],
}
ANTHROPICS = b'{"type":"error","error":{"type":"rate_limit_error","message":"slow down"},"request_id":"req_vrtx_1"}'
GOOGLES = b'{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED","details":[{"retryDelay":"7s"}]}}'


def fields(**more: object) -> Fields:
    return {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in {**ASKED, **more}.items()}


def test_the_model_stands_in_the_path_and_the_version_in_the_body() -> None:
    """Vertex's version replaces whichever a caller of another cloud sent; all else passes."""
    body = msgspec.json.decode(finish(fields(), model="claude-opus-5", stream=False))
    assert body == {name: ASKED[name] for name in ("max_tokens", "messages", "tools")} | {
        "anthropic_version": "vertex-2023-10-16"
    }


@pytest.mark.parametrize(("stream", "said"), [(True, {"stream": True}), (False, {})])
def test_a_stream_is_asked_for_in_the_body_too(stream: bool, said: dict[str, bool]) -> None:
    """Whatever the caller's body says: a rule may have changed it."""
    body = msgspec.json.decode(finish(fields(stream=not stream), model="m", stream=stream))
    assert {name: value for name, value in body.items() if name == "stream"} == said


def test_what_is_counted_names_its_model_without_a_version() -> None:
    """And says nothing that does not count."""
    body = msgspec.json.decode(finish_count(fields(), model="claude-haiku-4-5@20251001", stream=False))
    assert body == {"model": "claude-haiku-4-5", "messages": ASKED["messages"], "tools": ASKED["tools"]}


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "wait_s"),
    [
        (429, ANTHROPICS, OutcomeKind.RATE_LIMITED, "slow down", None),
        (429, GOOGLES, OutcomeKind.RATE_LIMITED, "quota", 7.0),
        (429, b"[%b]" % GOOGLES, OutcomeKind.RATE_LIMITED, "quota", 7.0),
        (
            400,
            b'{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 9 tokens"}}',
            OutcomeKind.CONTEXT_LENGTH,
            "prompt is too long: 9 tokens",
            None,
        ),
        (
            404,
            b'{"error":{"code":404,"message":"no such model","status":"NOT_FOUND"}}',
            OutcomeKind.MODEL_NOT_FOUND,
            "no such model",
            None,
        ),
        (529, b'{"type":"error","error":{"type":"overloaded_error","message":"x"}}', OutcomeKind.OVERLOADED, "x", None),
        (502, b"<html>Bad gateway</html>", OutcomeKind.SERVER_ERROR, None, None),
        (500, b'"error', OutcomeKind.SERVER_ERROR, None, None),
    ],
)
def test_errors_of_either_hand(
    status: int, body: bytes, kind: OutcomeKind, message: str | None, wait_s: float | None
) -> None:
    """The model's are told in Anthropic's shape, Google's own in Google's, a proxy's in none."""
    outcome = read_error(status, [], body)
    assert outcome.kind is kind
    assert message is None or outcome.message == message
    assert outcome.retry_after_s == wait_s


def test_an_error_inside_a_success() -> None:
    """Either shape; an answer that quotes one is none."""
    for body in (ANTHROPICS, GOOGLES):
        outcome = read_reply_error(body)
        assert outcome is not None
        assert outcome.kind is OutcomeKind.RATE_LIMITED
    for text in (r"\"error\": {}", r"say \"error\""):
        assert read_reply_error(b'{"type":"message","content":[{"type":"text","text":"%b"}]}' % text.encode()) is None
