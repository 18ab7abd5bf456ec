import msgspec

from engine.wire.gemini.spelling import camel, canonical


def test_either_spelling_is_read() -> None:
    """Gemini's own names are in camelCase afterwards, at every depth; the caller's names are not touched."""
    fields = {
        "system_instruction": msgspec.Raw(b'{"parts": []}'),
        "contents": msgspec.Raw(b'[{"parts":[{"function_call":{"name":"f_g","args":{"my_key":{"a_b":1}}}}]}]'),
        "labels": msgspec.Raw(b'{"cost_center":"a"}'),
    }
    got = {name: bytes(raw) for name, raw in canonical(fields).items()}
    assert got == {
        "systemInstruction": b'{"parts": []}',
        "contents": b'[{"parts":[{"functionCall":{"name":"f_g","args":{"my_key":{"a_b":1}}}}]}]',
        "labels": b'{"cost_center":"a"}',
    }


def test_bytes_without_such_names_stay() -> None:
    """White space and the order of keys survive where there is nothing to respell."""
    raw = msgspec.Raw(b'[ {"parts" : [ {"text": "a_b: c"} ] } ]')
    assert canonical({"contents": raw})["contents"] is raw


def test_names() -> None:
    """Only words after an underscore change."""
    assert [camel(name) for name in ("contents", "inline_data", "_x", "a_")] == ["contents", "inlineData", "_x", "a"]
