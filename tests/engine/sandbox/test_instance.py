from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.sandbox.instance import MOST_VALUES, instance

SCHEMAS: list[dict[str, Any]] = [
    {"type": "string"},
    {"type": "string", "minLength": 20},
    {"type": "string", "maxLength": 3},
    {"type": "string", "format": "date-time"},
    {"type": "integer", "minimum": 3},
    {"type": "integer", "exclusiveMinimum": 3},
    {"type": "integer", "minimum": 2.5},
    {"type": "number", "maximum": -1},
    {"type": "boolean"},
    {"type": "null"},
    {"type": ["string", "null"]},
    {"enum": ["b", "a"]},
    {"const": {"x": 1}},
    {"type": "array", "items": {"type": "integer"}, "minItems": 2},
    {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "integer"}}, "required": ["a"]},
    {"anyOf": [{"type": "integer"}, {"type": "string"}]},
    {"allOf": [{"required": ["a"]}, {"type": "object", "properties": {"b": {"type": "null"}}, "required": ["b"]}]},
    {"$ref": "#/$defs/n~1m", "$defs": {"n/m": {"type": "integer", "minimum": 7}}},
    {
        "type": "object",
        "properties": {"next": {"anyOf": [{"type": "null"}, {"$ref": "#"}]}, "n": {"type": "number"}},
        "required": ["next", "n"],
        "additionalProperties": False,
    },
]


@pytest.mark.parametrize("schema", SCHEMAS)
def test_instances_are_valid(schema: dict[str, Any]) -> None:
    """What is made for a schema is allowed by it, as jsonschema judges."""
    jsonschema.validate(instance(schema), schema, cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(
    "schema",
    [
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]},
        {"type": "array", "minItems": 10**9, "items": {"$ref": "#"}},
        {"type": "string", "minLength": 10**9},
        {"$ref": "#"},
    ],
)
def test_endless_demands_end(schema: dict[str, Any]) -> None:
    """A schema that demands more than there can be gets a bounded answer at once."""
    assert len(msgspec.json.encode(instance(schema))) < 100 * MOST_VALUES


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.sampled_from(["string", "object", "array", "a", "#", "#/a/b"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                ["type", "properties", "required", "items", "enum", "$ref", "anyOf", "minItems", "minimum", "a"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(schema=JSON)
def test_no_schema_is_too_strange(schema: object) -> None:
    """Anything in place of a schema gets JSON."""
    msgspec.json.encode(instance(schema))
