import json
from typing import Any

import msgspec
import pytest

from engine.wire.gemini.schema import accepted, json_schema


@pytest.mark.parametrize(
    ("openapi", "schema"),
    [
        ({"type": "STRING"}, {"type": "string"}),
        ({"type": "string", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "enum": ["a"], "nullable": True}, {"type": ["string", "null"], "enum": ["a", None]}),
        ({"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        (
            {"type": "OBJECT", "properties": {"type": {"type": "INTEGER"}}, "propertyOrdering": ["type"]},
            {"type": "object", "properties": {"type": {"type": "integer"}}},
        ),
        (
            {"type": "ARRAY", "items": {"type": "NUMBER"}, "minItems": "1"},
            {"type": "array", "items": {"type": "number"}, "minItems": 1},
        ),
        ({"any_of": [{"type": "BOOLEAN"}]}, {"anyOf": [{"type": "boolean"}]}),
        (
            {"type": "STRING", "description": "OBJECT", "format": "date-time"},
            {"type": "string", "description": "OBJECT", "format": "date-time"},
        ),
        ({"additionalProperties": False}, {"additionalProperties": False}),
        (True, True),
    ],
)
def test_the_old_dialect_becomes_json_schema(openapi: Any, schema: Any) -> None:
    """Types are in lower case, null is a type, counts are numbers, and names of properties are left alone."""
    assert json.loads(bytes(json_schema(msgspec.Raw(json.dumps(openapi).encode())))) == schema


def test_a_schema_names_no_dialect() -> None:
    """Gemini takes JSON Schema without saying which; bytes that need no change are kept."""
    raw = msgspec.Raw(b'{"$schema":"https://json-schema.org/draft/2020-12/schema","type": "object"}')
    assert json.loads(bytes(accepted(raw))) == {"type": "object"}
    for kept in (b'{"type": "object"}', b'["$schema"]'):
        assert bytes(accepted(msgspec.Raw(kept))) == kept
