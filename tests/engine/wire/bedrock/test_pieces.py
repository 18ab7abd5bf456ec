import msgspec

from engine import hub
from engine.wire.bedrock.pieces import Delta, Pieces, Start


def delta(said: object) -> Delta:
    return msgspec.json.decode(msgspec.json.encode(said), type=Delta)


def start(said: object) -> Start:
    return msgspec.json.decode(msgspec.json.encode(said), type=Start)


def test_a_block_of_text_leaves_nothing_to_say() -> None:
    """Its pieces have all gone out."""
    assert list(Pieces().close()) == []


def test_input_that_is_no_json_is_none() -> None:
    """A tool of Bedrock's whose input was cut is kept without it."""
    pieces = Pieces(start({"toolUse": {"toolUseId": "a", "name": "n", "type": "server_tool_use"}}))
    assert pieces.add(delta({"toolUse": {"input": '{"q"'}})) is None
    (event,) = pieces.close()
    assert isinstance(event, hub.Foreign)
    assert msgspec.json.decode(event.raw)["toolUse"]["input"] == {}


def test_what_others_withhold_is_foreign() -> None:
    """Reasoning that is not Anthropic's text in base64 is kept as Bedrock wrote it."""
    pieces = Pieces()
    for blob in ("/w==", "?"):
        pieces.add(delta({"reasoningContent": {"redactedContent": blob}}))
    (event,) = pieces.close()
    assert isinstance(event, hub.Foreign)
    assert event.kind == "reasoningContent"


def test_a_picture_of_no_bytes_is_none() -> None:
    """An image block that brings an error instead of a source."""
    pieces = Pieces(start({"image": {"format": "png"}}))
    pieces.add(delta({"image": {"error": {"message": "no"}}}))
    assert list(pieces.close()) == []
