"""What is said about a value that its schema does not allow: one sentence of ours per rule of JSON Schema."""

from decimal import Decimal
from typing import Any, NamedTuple

from engine.config.leaks import redacted
from engine.config.schemas import Schema
from engine.config.suggest import did_you_mean

__all__ = ["Flaw", "Sentence", "repeated", "sentence", "shown"]

TYPES = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
}
BOOLEANS = {"yes": "true", "on": "true", "true": "true", "no": "false", "off": "false", "false": "false"}
"""What people write for the two words → the word."""
MAX_SHOWN = 60
"""Characters of a user's value that a sentence quotes."""


PLAIN = {
    "minimum": ("out-of-range", "expected at least {bound}, found {value}", ""),
    "maximum": ("out-of-range", "expected at most {bound}, found {value}", ""),
    "exclusiveMaximum": ("out-of-range", "expected less than {bound}, found {value}", ""),
    "minLength": ("too-short", "{why}", ""),
    "minItems": ("too-short", "{why}", ""),
    "minProperties": ("too-short", "{why}", ""),
    "maxLength": ("too-long", "longer than {bound} characters", ""),
    "uniqueItems": ("repeated-item", "{value} is listed twice", "keep one of them"),
    "not": ("not-used-here", "{why}", "remove it"),
}
"""Rule → slug, message and hint; `why` is the schema's own word for it."""


class Flaw(NamedTuple):
    """One rule that one value breaks."""

    rule: str
    """The keyword of JSON Schema, such as `pattern`."""
    bound: Any
    """What the schema says under that keyword."""
    value: Any
    schema: Schema
    """The schema that the rule stands in, with its annotations."""


class Sentence(NamedTuple):
    """What is said about a flaw."""

    slug: str
    message: str
    hint: str = ""


def shown(value: object) -> str:
    """A user's value as a sentence quotes it: never a secret, never long."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"{Decimal(value):f}"
        case str():
            text = redacted(value)
            return f"'{text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + '…'}'"
        case list():
            return "a list"
        case _:
            return "a mapping"


def _expected(schema: Schema) -> str:
    """What would be right, in words: the schema's own, or its types'."""
    if "x-expects" in schema:
        return str(schema["x-expects"])
    types = schema.get("type", "string")
    return " or ".join(TYPES[name] for name in ([types] if isinstance(types, str) else types))


def sentence(flaw: Flaw) -> Sentence:
    """What is said about *flaw*."""
    if flaw.schema.get("x-secret"):
        hint = "keep the secret outside the files; revoke it if it was committed"
        return Sentence("literal-secret", f"expected {_expected(flaw.schema)}, found a literal", hint)
    if flaw.rule in {"type", "pattern", "format"}:
        slug = "wrong-type" if flaw.rule == "type" else "wrong-form"
        message = f"expected {_expected(flaw.schema)}, found {shown(flaw.value)}"
        return Sentence("wrong-unit" if "x-unit" in flaw.schema else slug, message, _type_hint(flaw.value, flaw.schema))
    if flaw.rule in {"enum", "const"}:
        return _choice(flaw)
    slug, message, hint = PLAIN.get(flaw.rule, PLAIN["not"])
    why = flaw.schema.get("x-why", "must not be empty")
    return Sentence(slug, message.format(bound=flaw.bound, value=_repeated_or_whole(flaw), why=why), hint)


def _repeated_or_whole(flaw: Flaw) -> str:
    """The value as it is shown; of a list, the item that stands in it twice."""
    return shown(flaw.value[repeated(flaw.value)] if flaw.rule == "uniqueItems" else flaw.value)


def repeated(items: list[Any]) -> int:
    """Index of the first item that stands in the list before."""
    return next(i for i, item in enumerate(items) if item in items[:i])


def _choice(flaw: Flaw) -> Sentence:
    words = [str(word) for word in flaw.bound] if isinstance(flaw.bound, list) else [str(flaw.bound)]
    expected = words[0] if len(words) == 1 else f"one of {', '.join(words)}"
    text = str(flaw.value)
    hint = flaw.schema.get("x-hints", {}).get(text) or did_you_mean(text, words)
    return Sentence("unknown-value", f"expected {expected}, found {shown(flaw.value)}", hint)


def _type_hint(value: object, schema: Schema) -> str:
    """How the value was probably meant."""
    types = schema.get("type", ())
    if isinstance(value, str) and "boolean" in types and value.lower() in BOOLEANS:
        return f"write {BOOLEANS[value.lower()]}"
    if isinstance(value, str) and ("integer" in types or "number" in types) and value[:1].isdigit():
        return "write plain digits without quotes, exponent or leading zero"
    if isinstance(value, int | Decimal) and "string" in types and "x-unit" not in schema:
        return f"quote it: '{shown(value)}'"
    if types == "array" and not isinstance(value, dict):
        return "put it into a list: [ … ]"
    return ""
