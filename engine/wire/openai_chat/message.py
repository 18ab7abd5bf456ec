"""Assistant messages, of requests and of answers ↔ the hub's parts.

The order of parts is lost on the way out, since each kind has a field of its own. Read again, they come as reasoning,
text, whatever else there is, tool calls.

Source: https://platform.openai.com/docs/api-reference/chat/object, read 2026-11.
"""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from engine import hub
from engine.wire.openai_chat.annotations import citations, write_annotation
from engine.wire.openai_chat.content import media_part, read_content, read_media, write_content
from engine.wire.openai_chat.reasoning import (
    Detail,
    read_details,
    read_thoughts,
    signature_in,
    write_signature,
    write_thoughts,
)

__all__ = [
    "Call",
    "CallNames",
    "Named",
    "Said",
    "read_assistant",
    "write_assistant",
    "write_call",
    "write_image",
    "write_sound",
]

_ENCODER = msgspec.json.Encoder()


class Named(msgspec.Struct, gc=False):
    """A function's name with its arguments, or a custom tool's with its input."""

    name: str | None = None
    arguments: Any = None
    """JSON text; some look-alikes send an object."""
    input: str | None = None

    @property
    def text(self) -> str:
        """The arguments as text, empty where there are none."""
        if self.arguments is None or isinstance(self.arguments, str):
            return self.arguments or self.input or ""
        return _ENCODER.encode(self.arguments).decode()


class Call(msgspec.Struct, gc=False):
    """An entry of `tool_calls`, whole or as a delta."""

    index: int | None = None
    id: str | None = None
    function: Named | None = None
    custom: Named | None = None
    extra_content: Any = None


class Said(msgspec.Struct, gc=False):
    """What an assistant says, in a message or a delta."""

    content: str | list[Any] | None = None
    reasoning_content: str | None = None
    reasoning: Any = None
    reasoning_details: Any = None
    refusal: str | None = None
    tool_calls: list[Call] | None = None
    function_call: Named | None = None
    audio: Any = None
    images: Any = None
    annotations: Any = None
    extra_content: Any = None

    @property
    def words(self) -> str:
        """The reasoning in words."""
        return self.reasoning_content or (self.reasoning if isinstance(self.reasoning, str) else "")


class CallNames:
    """Ids for the calls of one answer: the provider's own, or a made-up one if it sends none or one a second time."""

    def __init__(self, reply_id: str) -> None:
        self._tail = "".join(letter for letter in reply_id if letter.isascii() and letter.isalnum())[-12:]
        self._given: set[str] = set()

    def __call__(self, call_id: str, _name: str) -> str:
        """An id that no other call of the answer has."""
        number = len(self._given)
        while not call_id or call_id in self._given:
            call_id = f"call_{self._tail}_{number}"
            number += 1
        self._given.add(call_id)
        return call_id


def read_assistant(said: Said, name_call: Callable[[str, str], str]) -> tuple[hub.Part, ...]:
    """The parts of a whole message; *name_call* gives a call its id, from the id and name on the wire.

    Raises:
        BadRequest: a content part that is not of its type's shape.
    """
    details = list(read_details(said.reasoning_details))
    calls = _calls(said, details, name_call)
    claimed = {call.signature for call in calls if call.signature}
    thoughts = read_thoughts(said.words, [detail for detail in details if detail.redacted not in claimed])
    content = _signed(_content(said), calls, signature_in(said.extra_content))
    refusal = [hub.Refusal(text=said.refusal)] if said.refusal else []
    return (*thoughts, *content, *refusal, *_media(said), *calls)


def _content(said: Said) -> list[hub.Part]:
    parts = read_content(said.content)
    transcript = said.audio.get("transcript") if isinstance(said.audio, dict) else None
    if not parts and isinstance(transcript, str) and transcript:
        parts = [hub.Text(text=transcript)]
    cited = citations(said.annotations)
    if not cited:
        return parts
    *before, last = parts if parts and isinstance(parts[-1], hub.Text) else (*parts, hub.Text(text=""))
    assert isinstance(last, hub.Text)
    return [*before, msgspec.structs.replace(last, citations=cited)]


def _signed(parts: list[hub.Part], calls: list[hub.ToolCall], signature: str) -> list[hub.Part]:
    """*parts* with Gemini's signature of the whole message on their text; without a text, the first call gets it."""
    if not signature:
        return parts
    if calls and not parts:
        calls[0] = calls[0] if calls[0].signature else msgspec.structs.replace(calls[0], signature=signature)
        return parts
    *before, last = parts if parts and isinstance(parts[-1], hub.Text) else (*parts, hub.Text(text=""))
    return [*before, msgspec.structs.replace(last, signature=signature)]


def _calls(said: Said, details: list[Detail], name_call: Callable[[str, str], str]) -> list[hub.ToolCall]:
    """The tool calls. OpenRouter sends Gemini's signature of a call as a detail with the call's id."""
    signatures = {detail.id: detail.redacted for detail in details if detail.id and detail.origin == "gemini"}
    calls = []
    for call in said.tool_calls or ():
        named, custom = (call.custom, True) if _is_custom(call) else (call.function or Named(), False)
        assert named is not None
        calls.append(
            hub.ToolCall(
                id=name_call(call.id or "", named.name or ""),
                name=named.name or "",
                arguments=named.text or ("" if custom else "{}"),
                custom=custom,
                signature=signature_in(call.extra_content) or signatures.get(call.id or "", ""),
            )
        )
    legacy = said.function_call
    if legacy is not None and legacy.name and not calls:
        calls.append(hub.ToolCall(id=name_call("", legacy.name), name=legacy.name, arguments=legacy.text or "{}"))
    return calls


def _is_custom(call: Call) -> bool:
    """Whether *call* is a custom tool's. Snowflake writes an empty `custom` beside every function."""
    return call.custom is not None and bool(call.custom.name)


def _media(said: Said) -> list[hub.Part]:
    """Sound that was spoken, and pictures that were made (OpenRouter's `images`)."""
    found: list[hub.Part] = []
    match said.audio:
        case {"data": str(data), **more} if data:
            name = more.get("id")
            found.append(hub.Media(kind="audio", data=data, name=name if isinstance(name, str) else ""))
        case {"id": str(file_id)} if file_id:
            found.append(hub.Media(kind="audio", file_id=file_id))
    if isinstance(said.images, list):
        found += [image for image in map(read_media, said.images) if image is not None]
    return found


def write_assistant(
    parts: Iterable[hub.Part], *, thoughts: str = "fields", cache: bool = False, dropped: list[str] | None = None
) -> dict[str, Any]:
    """The fields of a message that says *parts*, all but `role`. *thoughts* is `Dialect.thoughts`.

    Documents and films, for which a message has no place, are left out; the kinds of foreign parts of another protocol
    are added to *dropped*.
    """
    parts = tuple(parts)
    calls = [write_call(part) for part in parts if isinstance(part, hub.ToolCall)]
    sound = [part for part in parts if isinstance(part, hub.Media) and part.kind == "audio"]
    images = [write_image(part) for part in parts if isinstance(part, hub.Media)]
    refusals = [part.text for part in parts if isinstance(part, hub.Refusal)]
    texts = [part for part in parts if isinstance(part, hub.Text)]
    content = write_content(_content_of(parts, thoughts), cache=cache, dropped=[] if dropped is None else dropped)
    fields: dict[str, Any] = {"content": content or (None if calls or sound or refusals else "")}
    if thoughts == "fields":
        fields |= write_thoughts(part for part in parts if isinstance(part, hub.Thinking))
    if refusals:
        fields["refusal"] = "".join(refusals)
    if sound:
        fields["audio"] = write_sound(sound[0])
    if any(images):
        fields["images"] = [image for image in images if image]
    if any(text.citations for text in texts):
        fields["annotations"] = [write_annotation(citation) for text in texts for citation in text.citations]
    if any(text.signature for text in texts):
        fields["extra_content"] = write_signature([text.signature for text in texts if text.signature][-1])
    if calls:
        fields["tool_calls"] = calls
    return fields


def _content_of(parts: Iterable[hub.Part], thoughts: str) -> list[hub.Part]:
    """What goes into `content`: texts that say something, foreign parts, and thoughts where they go out as parts."""
    return [
        part
        for part in parts
        if (isinstance(part, hub.Text) and (part.text or part.cache))
        or isinstance(part, hub.Foreign)
        or (isinstance(part, hub.Thinking) and part.text and thoughts == "parts")
    ]


def write_sound(sound: hub.Media) -> dict[str, Any]:
    """An `audio`: an earlier turn's id alone, or an answer's data; when that expires we do not know."""
    if sound.file_id:
        return {"id": sound.file_id}
    return {"id": sound.name, "data": sound.data, "expires_at": 0, "transcript": ""}


def write_call(call: hub.ToolCall) -> dict[str, Any]:
    """An entry of `tool_calls`."""
    if call.custom:
        written: dict[str, Any] = {"type": "custom", "custom": {"name": call.name, "input": call.arguments}}
    else:
        written = {"type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}
    signature = {"extra_content": write_signature(call.signature)} if call.signature else {}
    return {"id": call.id, **written, **signature}


def write_image(image: hub.Media) -> dict[str, Any] | None:
    """An entry of `images`; None for what is no picture, or one that comes by file id."""
    return media_part(image) if image.kind == "image" and not image.file_id else None
