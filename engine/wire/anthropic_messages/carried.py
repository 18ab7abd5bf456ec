"""Pictures and documents in a request, and the tokens that routing counts for them instead of their bytes."""

import msgspec

from engine.errors import BadRequest
from engine.wire.anthropic_messages.raw import NULL
from engine.wire.body import malformed, missing
from engine.wire.estimate import BASE64_BYTES, FILE_BYTES_PER_PAGE, FILE_TOKENS_PER_PAGE, IMAGE_TOKENS, NO_MEDIA, Media
from engine.wire.json_edit import Fields

__all__ = ["carried"]

LIST = ord("[")


class _Message(msgspec.Struct, gc=False):
    content: msgspec.Raw = NULL


class _Source(msgspec.Struct, gc=False):
    data: msgspec.Raw = NULL


class _Block(msgspec.Struct):
    type: str
    source: msgspec.Raw = NULL
    content: msgspec.Raw = NULL


_MESSAGES = msgspec.json.Decoder(list[_Message])
_BLOCKS = msgspec.json.Decoder(list[msgspec.Raw])
_BLOCK = msgspec.json.Decoder(_Block)
_SOURCE: msgspec.json.Decoder[_Source] = msgspec.json.Decoder(_Source)


def carried(fields: Fields) -> Media:
    """What the messages carry beside text, including what is in results of tools.

    Raises:
        BadRequest: `messages` is missing, empty or no list of messages.
    """
    if "messages" not in fields:
        raise missing("messages")
    try:
        messages = _MESSAGES.decode(fields["messages"])
        has_media = b'"source"' in bytes(fields["messages"])
        found = [media for message in messages for media in _in(message.content)] if has_media else []
    except msgspec.DecodeError as exc:
        raise malformed("messages", exc) from exc
    if not messages:
        raise BadRequest("messages must not be empty", code="invalid_value", param="messages")
    return _sum(found)


def _in(content: msgspec.Raw) -> list[Media]:
    """The media of a content that is a list of blocks; text has none."""
    if memoryview(content)[0] != LIST:
        return []
    found = []
    for raw in _BLOCKS.decode(content):
        block = _BLOCK.decode(raw)
        match block.type:
            case "image":
                found.append(Media(body_bytes=len(bytes(raw)), tokens=IMAGE_TOKENS, images=True))
            case "document":
                found.append(_document(raw, block.source))
            case "tool_result":
                found += _in(block.content)
    return found


def _document(raw: msgspec.Raw, source: msgspec.Raw) -> Media:
    size_bytes = len(bytes(_SOURCE.decode(source).data)) * BASE64_BYTES
    pages = 1 + size_bytes // FILE_BYTES_PER_PAGE
    low, likely, high = FILE_TOKENS_PER_PAGE
    tokens = (round(low * pages), round(likely * pages), round(high * pages))
    return Media(body_bytes=len(bytes(raw)), tokens=tokens, files=True)


def _sum(found: list[Media]) -> Media:
    if not found:
        return NO_MEDIA
    low, likely, high = (sum(counts) for counts in zip(*(media.tokens for media in found), strict=True))
    return Media(
        body_bytes=sum(media.body_bytes for media in found),
        tokens=(low, likely, high),
        images=any(media.images for media in found),
        files=any(media.files for media in found),
    )
