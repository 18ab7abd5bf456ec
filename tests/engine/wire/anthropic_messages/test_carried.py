from typing import Any

import msgspec

from engine.wire.anthropic_messages.carried import carried
from engine.wire.estimate import NO_MEDIA, Media


def found(*content: Any) -> Media:
    return carried({"messages": msgspec.Raw(msgspec.json.encode([{"content": each} for each in content]))})


def test_text_carries_nothing() -> None:
    """Words about media are no media."""
    assert found("a", [{"type": "text", "text": '{"type":"image","source":{}}'}]) == NO_MEDIA


def test_documents_count_by_the_page() -> None:
    """A document counts a page for each 100 kB, and one at least where its bytes are elsewhere."""
    small = found([{"type": "document", "source": {"type": "url", "url": "https://a.example/d.pdf"}}])
    large = found([{"type": "document", "source": {"type": "base64", "data": "A" * 400_000}}])
    assert small.files
    assert small.tokens == (258, 1_500, 3_000)
    assert large.tokens == (4 * 258, 4 * 1_500, 4 * 3_000)
    assert large.body_bytes > 400_000


def test_several_are_added_up() -> None:
    """Pictures and documents in different messages are counted together."""
    image = {"type": "image", "source": {"type": "url", "url": "https://a.example/i.png"}}
    both = found([image], [{"type": "document", "source": {"type": "file", "file_id": "f"}}])
    assert both.images
    assert both.files
    assert both.tokens == (85 + 258, 765 + 1_500, 1445 + 3_000)
