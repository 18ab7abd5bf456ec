import json
from collections.abc import Callable

import pytest

from engine.errors import UpstreamMalformed
from engine.wire.images.values import ImageRequest
from engine.wire.template.pictures import decode_reply, encode_request, headers
from engine.wire.template.values import Pictures, Template

TEXT = """
pictures:
  path: "/{model}"
  headers: {X-Count: "{{ request.n }}"}
  body:
    prompt: "{{ request.prompt }}"
    size: {width: "{{ request.width }}", height: "{{ request.height }}"}
    count: "{{ request.n }}"
  answer: {ANSWER}
"""


def pictures(template: Callable[[str], Template], answer: str) -> Pictures:
    found = template(TEXT.replace("ANSWER", answer)).pictures
    assert found is not None
    return found


def test_a_request_is_filled_in(template: Callable[[str], Template]) -> None:
    """A size in pixels is two numbers; what the body does not read is dropped, and what cannot be had."""
    own = pictures(template, "url: /images/*/url")
    asked = ImageRequest(
        model="m", prompt="a cat", n=2, size="640x480", quality="high", response_format="b64_json", user=""
    )
    encoded = encode_request(asked, own)
    assert {name: json.loads(bytes(raw)) for name, raw in encoded.fields.items()} == {
        "prompt": "a cat",
        "size": {"width": 640, "height": 480},
        "count": 2,
    }
    assert encoded.dropped == ("quality", "response_format")
    assert headers(asked, own) == ((b"x-count", b"2"),)


def test_a_size_in_words_has_no_pixels(template: Callable[[str], Template]) -> None:
    """It is dropped where the body reads pixels alone."""
    encoded = encode_request(ImageRequest(model="m", prompt="a", size="auto"), pictures(template, "url: /u"))
    assert encoded.fields.keys() == {"prompt"}
    assert encoded.dropped == ("size",)


def test_pictures_are_found(template: Callable[[str], Template]) -> None:
    """Addresses as they are; whole ones in base64, wherever they come in."""
    urls = pictures(template, "url: /images/*/url")
    whole = pictures(template, "base64: /images/*")
    found = decode_reply(b'{"images":[{"url":"https://x/1"},{"url":"data:image/png;base64,QUJD"}]}', urls)
    assert [(image.url, image.base64 and bytes(image.base64)) for image in found.images] == [
        ("https://x/1", None),
        ("", b'"QUJD"'),
    ]
    assert found.measures.images == 2
    assert [bytes(image.base64 or b"") for image in decode_reply(b'{"images":["QUJD"]}', whole).images] == [b'"QUJD"']


@pytest.mark.parametrize("body", [b"", b"{}", b'{"images":[]}', b'{"images":[{"url":null}]}'])
def test_an_answer_without_pictures_is_malformed(template: Callable[[str], Template], body: bytes) -> None:
    """It is the provider's failure."""
    with pytest.raises(UpstreamMalformed):
        decode_reply(body, pictures(template, "url: /images/*/url"))
