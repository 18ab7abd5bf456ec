import msgspec
import pytest

from engine.wire.anthropic_messages.schema import closed

OPEN = {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}}}
SHUT = {
    "type": "object",
    "properties": {
        "a": {"type": "array", "items": {"type": "object", "properties": {}, "additionalProperties": False}}
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "result"),
    [
        (OPEN, SHUT),
        (SHUT, SHUT),
        (
            {"anyOf": [OPEN, {"type": "null"}], "$defs": {"x": OPEN}},
            {"anyOf": [SHUT, {"type": "null"}], "$defs": {"x": SHUT}},
        ),
        ({**OPEN, "additionalProperties": True}, {**SHUT, "additionalProperties": True}),
        ({"type": "string"}, {"type": "string"}),
        ({"properties": {"type": {"type": "string"}}}, {"properties": {"type": {"type": "string"}}}),
        (7, 7),
    ],
)
def test_objects_are_closed(schema: object, result: object) -> None:
    """Every object's schema says that it takes no more; what says otherwise, or is none, stays."""
    assert msgspec.json.decode(closed(msgspec.Raw(msgspec.json.encode(schema)))) == result


def test_what_is_too_deep_is_left() -> None:
    """A schema that cannot be walked goes as it is; the provider will say so."""
    deep = msgspec.Raw(b'{"a":' * 5000 + b"1" + b"}" * 5000)
    assert closed(deep) is deep
