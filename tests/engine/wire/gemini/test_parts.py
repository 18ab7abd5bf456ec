import json
from typing import Any

import msgspec
import pytest

from engine import hub
from engine.wire.gemini.chunk import FunctionCall, Part
from engine.wire.gemini.parts import args_of, arguments_of, foreign_in, on_one_line, read_spoken, write_spoken


def part(**said: Any) -> Part:
    return msgspec.json.decode(json.dumps(said), type=Part)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ({"text": "a"}, hub.Text(text="a")),
        ({"text": "a", "thoughtSignature": "s"}, hub.Text(text="a", signature="s")),
        ({"text": "", "thoughtSignature": "s"}, hub.Text(text="", signature="s")),
        ({"text": ""}, None),
        ({}, None),
        ({"text": "a", "thought": True}, hub.Thinking(text="a")),
        ({"thought": True, "thoughtSignature": "s"}, hub.Thinking(signature="s", origin="gemini")),
        (
            {"inlineData": {"mimeType": "image/png", "data": "QQ=="}},
            hub.Media(kind="image", data="QQ==", media_type="image/png"),
        ),
        ({"executableCode": {}, "thoughtSignature": "s"}, None),
    ],
)
def test_words_and_media_are_read(said: dict[str, Any], read: hub.Part | None) -> None:
    """Signatures stay on their part, also where its text is empty; an empty text that nobody signed says nothing."""
    assert read_spoken(part(**said)) == read


def test_what_only_gemini_knows_is_foreign() -> None:
    """Its own tools' work is kept whole, and what is said about a part stands behind it."""
    code = part(executableCode={"code": "1"}, thoughtSignature="s")
    [foreign] = foreign_in(code)
    assert (foreign.protocol, foreign.kind) == ("gemini", "executableCode")
    assert json.loads(bytes(foreign.raw)) == {"executableCode": {"code": "1"}, "thoughtSignature": "s"}
    [about] = foreign_in(part(fileData={"fileUri": "https://a"}, videoMetadata={"fps": 1}))
    assert (about.kind, bytes(about.raw)) == ("videoMetadata", b'{"videoMetadata":{"fps": 1}}')


def test_arguments_are_text() -> None:
    """None are an empty object; Gemini's indents are none of the model's."""
    assert arguments_of(FunctionCall(name="f")) == "{}"
    assert arguments_of(FunctionCall(args=msgspec.Raw(b'{\n  "a": 1.0\n}'))) == '{"a":1.0}'
    assert on_one_line(b'{"a": "\\n"}') == b'{"a": "\\n"}'


@pytest.mark.parametrize(
    ("arguments", "args"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("free text", {"input": "free text"}),
        ('{"cut": "of', {"input": '{"cut": "of'}),
        ("[1]", {"input": "[1]"}),
        ("\ud800", {"input": "\ud800"}),
    ],
)
def test_args_are_always_an_object(arguments: str, args: Any) -> None:
    """What is none is put into one."""
    got = args_of(arguments)
    assert (json.loads(bytes(got)) if isinstance(got, msgspec.Raw) else got) == args


def test_parts_are_written() -> None:
    """Refusals are words; what is written elsewhere has no part here."""
    assert write_spoken(hub.Refusal(text="no")) == {"text": "no"}
    assert write_spoken(hub.Text(text="", signature="s")) == {"text": "", "thoughtSignature": "s"}
    assert write_spoken(hub.Text(text="")) is None
    assert write_spoken(hub.Thinking(text="a")) is None
