"""The parts of a turn ↔ the hub's parts, for requests and answers alike."""

from collections.abc import Iterator, Sequence

import msgspec

from engine import hub
from engine.wire.gemini import media, signature
from engine.wire.gemini.chunk import NOT_GIVEN, PROTOCOL, FunctionCall, Part, is_given

__all__ = ["ABOUT", "args_of", "arguments_of", "foreign_in", "on_one_line", "read_spoken", "write_spoken"]

_FOREIGN = {
    "executable_code": "executableCode",
    "code_execution_result": "codeExecutionResult",
    "tool_call": "toolCall",
    "tool_response": "toolResponse",
}
"""What Google's own tools did, content that only Gemini knows: attribute → Gemini's name."""

ABOUT = {
    "video_metadata": "videoMetadata",
    "media_resolution": "mediaResolution",
    "part_metadata": "partMetadata",
}
"""What is said about a part beside its content; in the hub, foreign parts of their own, right behind that part."""

_ENCODER = msgspec.json.Encoder()
_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ANY = msgspec.json.Decoder()


def read_spoken(part: Part) -> hub.Text | hub.Thinking | hub.Media | None:
    """The words or media of a part; None where it has neither, or only an empty text without a signature."""
    signed = part.thought_signature or ""
    if part.inline_data is not None:
        return media.read_blob(part.inline_data, signed)
    if part.file_data is not None:
        return media.read_file(part.file_data, signed)
    if part.thought:
        return signature.thinking(part.text or "", signed) if part.text or signed else None
    if part.text or (signed and not _has_foreign(part)):
        return hub.Text(text=part.text or "", signature=signed)
    return None


def foreign_in(part: Part) -> Sequence[hub.Foreign]:
    """What only Gemini knows of a part."""
    return () if _is_plain(part) else tuple(_foreign_in(part))


def _is_plain(part: Part) -> bool:
    return (
        part.executable_code is NOT_GIVEN
        and part.code_execution_result is NOT_GIVEN
        and part.tool_call is NOT_GIVEN
        and part.tool_response is NOT_GIVEN
        and part.video_metadata is NOT_GIVEN
        and part.media_resolution is NOT_GIVEN
        and part.part_metadata is NOT_GIVEN
    )


def _foreign_in(part: Part) -> Iterator[hub.Foreign]:
    for attribute, name in _FOREIGN.items():
        raw: msgspec.Raw = getattr(part, attribute)
        if is_given(raw):
            signed = {"thoughtSignature": part.thought_signature} if part.thought_signature else {}
            yield _foreign(name, {name: raw, **signed})
    for attribute, name in ABOUT.items():
        raw = getattr(part, attribute)
        if is_given(raw):
            yield _foreign(name, {name: raw})


def _has_foreign(part: Part) -> bool:
    return not _is_plain(part) and any(is_given(getattr(part, attribute)) for attribute in _FOREIGN)


def _foreign(kind: str, value: dict[str, object]) -> hub.Foreign:
    return hub.Foreign(protocol=PROTOCOL, kind=kind, raw=msgspec.Raw(_ENCODER.encode(value)))


def arguments_of(call: FunctionCall) -> str:
    """The call's arguments as JSON text; `{}` where it has none."""
    return on_one_line(bytes(call.args)).decode() if is_given(call.args) else "{}"


def on_one_line(value: bytes) -> bytes:
    """JSON without line ends, which an event must not contain: Gemini indents some answers, calls included."""
    return msgspec.json.format(value, indent=-1) if b"\n" in value or b"\r" in value else value


def args_of(arguments: str) -> object:
    """The object that Gemini wants for a call's *arguments*.

    What is not a JSON object (a custom tool's free text, arguments that were cut off) becomes the field `input` of one.
    """
    try:
        _OBJECT.decode(arguments)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return {"input": arguments} if arguments.strip() else {}
    return msgspec.Raw(arguments.encode())


def write_spoken(part: hub.Part, *, guess: bool = True) -> dict[str, object] | None:
    """Gemini's part for *part*; None for what is written elsewhere, and for an empty unsigned text.

    With *guess*, media of an unknown type get a likely one.
    """
    match part:
        case hub.Text():
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return {"text": part.text, **signed} if part.text or signed else None
        case hub.Refusal():
            return {"text": part.text} if part.text else None
        case hub.Media():
            return media.write_media(part, guess=guess)
        case hub.ToolCall():
            call = {"id": part.id, "name": part.name, "args": args_of(part.arguments)}
            signed = {"thoughtSignature": part.signature} if part.signature else {}
            return {"functionCall": call, **signed}
    return None
