import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import OutcomeKind, UpstreamMalformed
from engine.hub import Json
from engine.values import Measures, Usage
from engine.wire.images.gemini import decode_reply, encode_request, finish, read_reply_error
from engine.wire.images.values import ImageRequest

REPLY: dict[str, Any] = {
    "candidates": [
        {
            "content": {
                "parts": [
                    {"inlineData": {"data": "ZHJhZnQ=", "mimeType": "image/png"}, "thought": True},
                    {"text": "Here it is."},
                    {"inlineData": {"data": "QUJD", "mimeType": "image/jpeg"}},
                ],
                "role": "model",
            },
            "finishReason": "STOP",
        }
    ],
    "usageMetadata": {
        "promptTokenCount": 9,
        "candidatesTokenCount": 1290,
        "thoughtsTokenCount": 50,
        "candidatesTokensDetails": [{"modality": "IMAGE", "tokenCount": 1280}],
    },
    "modelVersion": "gemini-x-image",
}
BODY = msgspec.json.encode(REPLY)


def asked(*, has_formats: bool = False, **said: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    """What goes to Google for a cat, and what is dropped."""
    encoded = encode_request(ImageRequest(model="m", prompt="a cat", **said), has_formats=has_formats)
    return json.loads(finish(encoded.fields, model="m")), encoded.dropped


def ended(reason: str, **more: Any) -> bytes:
    return msgspec.json.encode({"candidates": [{"finishReason": reason, **more}]})


def test_a_picture_is_asked_for_and_nothing_else() -> None:
    """The words, and that the answer is to be a picture; what OpenAI's defaults say needs no saying."""
    body, dropped = asked(n=1, size="auto", quality="auto", response_format="b64_json")
    assert body == {
        "contents": [{"role": "user", "parts": [{"text": "a cat"}]}],
        "generationConfig": {"responseModalities": ["IMAGE"]},
    }
    assert dropped == ()


@pytest.mark.parametrize(
    ("size", "config", "dropped"),
    [
        ("1024x1024", {"aspectRatio": "1:1"}, ()),
        ("1536x1024", {"aspectRatio": "3:2"}, ()),
        ("1024x1536", {"aspectRatio": "2:3"}, ()),
        ("2048x2048", {"aspectRatio": "1:1", "imageSize": "2K"}, ()),
        ("2048x1152", {"aspectRatio": "16:9", "imageSize": "2K"}, ()),
        ("4096x4096", {"aspectRatio": "1:1", "imageSize": "4K"}, ()),
        ("1792x1024", {"aspectRatio": "16:9"}, ("size",)),
        ("256x256", {"aspectRatio": "1:1"}, ("size",)),
        ("99999x10", {"aspectRatio": "21:9"}, ("size",)),
        ("10x99999", {"aspectRatio": "9:16"}, ("size",)),
        ("large", None, ("size",)),
        ("0x10", None, ("size",)),
    ],
)
def test_sizes(size: str, config: dict[str, str] | None, dropped: tuple[str, ...]) -> None:
    """A size is a ratio and a class of pixels; the nearest is asked for, and told where it is not what was asked."""
    body, lost = asked(size=size)
    assert body["generationConfig"].get("imageConfig") == config
    assert lost == dropped


@pytest.mark.parametrize(
    ("wanted", "has_formats", "told", "dropped"),
    [
        ("jpeg", True, "image/jpeg", ()),
        ("png", True, "image/png", ()),
        ("webp", True, None, ("output_format",)),
        ("jpeg", False, None, ("output_format",)),
    ],
)
def test_formats(wanted: str, has_formats: bool, told: str | None, dropped: tuple[str, ...]) -> None:
    """Vertex can be told the format; the rest is reported."""
    body, lost = asked(output_format=wanted, has_formats=has_formats)
    config = body["generationConfig"].get("imageConfig", {})
    assert config.get("imageOutputOptions", {}).get("mimeType") == told
    assert lost == dropped


def test_what_cannot_be_said_is_reported() -> None:
    """By the caller's names, one by one."""
    extra = {"background": Json(b'"transparent"')}
    _, dropped = asked(n=4, quality="high", response_format="url", user="u", extra=extra)
    assert dropped == ("n", "quality", "response_format", "user", "background")


def test_the_pictures_of_an_answer() -> None:
    """Drafts of its thoughts are not among them; each is counted, and so are its tokens, by kind."""
    reply = decode_reply(BODY)
    assert [bytes(image.base64 or b"") for image in reply.images] == [b'"QUJD"']
    assert (reply.model, reply.output_format, reply.measures) == ("gemini-x-image", "jpeg", Measures(images=1))
    assert reply.usage == Usage(input=9, output=10, image_output=1280, reasoning=50)
    assert read_reply_error(BODY) is None


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (ended("IMAGE_SAFETY", finishMessage="Unable to show it."), "Unable to show it."),
        (ended("PROHIBITED_CONTENT"), "the provider withheld the picture: PROHIBITED_CONTENT"),
        (ended("SAFETY", content={"parts": [{"text": "no"}]}), "the provider withheld the picture: SAFETY"),
        (b'{"promptFeedback":{"blockReason":"OTHER"}}', "the provider withheld the picture: OTHER"),
        (
            b'{"candidates":[],"promptFeedback":{"blockReason":"IMAGE_SAFETY","blockReasonMessage":"No."}}',
            "No.",
        ),
    ],
)
def test_what_is_withheld_is_a_content_filter(body: bytes, message: str) -> None:
    """Of the prompt or of the picture: the caller is told, and no other target is asked to paint it."""
    outcome = read_reply_error(body)
    assert outcome is not None
    assert (outcome.kind, outcome.message, outcome.received) == (OutcomeKind.CONTENT_FILTER, message, True)


@pytest.mark.parametrize("body", [ended("STOP"), ended("NO_IMAGE"), ended("MAX_TOKENS"), b'{"candidates":[]}'])
def test_an_answer_without_a_picture_is_none(body: bytes) -> None:
    """Nothing was withheld, and yet there is none: another target may do better."""
    assert read_reply_error(body) is None
    with pytest.raises(UpstreamMalformed, match="without a picture"):
        decode_reply(body)


def test_googles_own_errors_inside_a_success() -> None:
    """As on every surface of Gemini's."""
    outcome = read_reply_error(b'{"error":{"code":429,"message":"quota","status":"RESOURCE_EXHAUSTED"}}')
    assert outcome is not None
    assert outcome.kind is OutcomeKind.RATE_LIMITED


@given(at=st.integers(0, len(BODY) - 1), whole=st.binary(max_size=30))
def test_no_answer_is_too_strange(at: int, whole: bytes) -> None:
    """Any other bytes are malformed, and never an error of another kind."""
    for body in (BODY[:at], whole, b"[]", b'{"candidates":7}', BODY.replace(b":1290", b':"many"')):
        assert read_reply_error(body) is None
        with pytest.raises(UpstreamMalformed):
            decode_reply(body)
