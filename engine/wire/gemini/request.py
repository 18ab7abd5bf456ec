"""Gemini's requests ↔ the hub's."""

from collections.abc import Iterator
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.hub import Role
from engine.wire.body import malformed, missing, too_deep
from engine.wire.envelope import Encoded
from engine.wire.gemini.chunk import NOT_GIVEN, PROTOCOL, Content, as_list, is_given
from engine.wire.gemini.parts import read_spoken
from engine.wire.gemini.settings import PREFIX, read_settings, write_settings
from engine.wire.gemini.spelling import canonical
from engine.wire.gemini.tools import read_choice, read_tools, write_choice, write_tools
from engine.wire.gemini.turns import read_turns, write_turns
from engine.wire.json_edit import Fields

__all__ = ["decode_request", "encode_request"]

_CONTENTS = msgspec.json.Decoder(list[Content] | Content)
_SYSTEM = msgspec.json.Decoder(Content)
_TEXT = msgspec.json.Decoder(str)
_ENCODER = msgspec.json.Encoder()

_KNOWN = frozenset({"model", "contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "serviceTier"})

_TIERS = frozenset({"standard", "flex", "priority"})
_USUAL_TIERS = frozenset({"", "auto", "default"})

_SILENCE = hub.Message(role=Role.USER, parts=(hub.Text(text=""),))
"""What is left of contents that hold only empty texts; the system instruction may say all there is to say."""

_SYSTEM_ROLES = frozenset({Role.SYSTEM, Role.DEVELOPER})


def decode_request(fields: Fields) -> hub.Request:
    """What *fields* ask for. The path names the model, so `Request.model` is empty unless the body names it, too.

    Raises:
        BadRequest: the fields are not of Gemini's shape. `param` names the field, if that is known.
    """
    try:
        return _decode(canonical(fields))
    except msgspec.DecodeError as exc:
        raise BadRequest(f"the body cannot be read: {exc}", code="invalid_type") from exc
    except RecursionError as exc:
        raise too_deep() from exc


def _decode(fields: Fields) -> hub.Request:
    settings = read_settings(fields.get("generationConfig", NOT_GIVEN))
    config = fields.get("toolConfig", NOT_GIVEN)
    choice, is_all = read_choice(config)
    extra = {name: raw for name, raw in fields.items() if name not in _KNOWN and is_given(raw)} | settings.extra
    if not is_all:
        extra["toolConfig"] = config
    return hub.Request(
        model=_text(fields, "model").removeprefix("models/"),
        messages=(*_system(fields), *_messages(fields)),
        tools=read_tools(fields.get("tools", NOT_GIVEN)),
        tool_choice=choice,
        service_tier=_text(fields, "serviceTier").lower(),
        extra=extra,
        origin=PROTOCOL,
        **settings.known,
    )


def _messages(fields: Fields) -> tuple[hub.Message, ...]:
    raw = fields.get("contents", NOT_GIVEN)
    if not is_given(raw):
        raise missing("contents")
    try:
        contents = _CONTENTS.decode(raw)
    except msgspec.DecodeError as exc:
        raise malformed("contents", exc) from exc
    if not contents:
        raise BadRequest("contents must not be empty", code="invalid_value", param="contents")
    return read_turns(contents if isinstance(contents, list) else [contents]) or (_SILENCE,)


def _system(fields: Fields) -> Iterator[hub.Message]:
    raw = fields.get("systemInstruction", NOT_GIVEN)
    if not is_given(raw):
        return
    try:
        content = _SYSTEM.decode(raw)
    except msgspec.DecodeError as exc:
        raise malformed("systemInstruction", exc) from exc
    spoken = (read_spoken(part) for part in as_list(content.parts))
    parts = tuple(part for part in spoken if part is not None)
    if parts:
        yield hub.Message(role=Role.SYSTEM, parts=parts)


def _text(fields: Fields, name: str) -> str:
    if name not in fields or not is_given(fields[name]):
        return ""
    try:
        return _TEXT.decode(fields[name])
    except msgspec.DecodeError as exc:
        raise BadRequest(f"{name} must be a string", code="invalid_type", param=name) from exc


def encode_request(request: hub.Request) -> Encoded:
    """The fields that ask Gemini for what *request* asks, and the names of what Gemini has no words for.

    Dropped are `parallel_tool_calls: false`, `user`, a `service_tier` that Google does not sell, `strict` of tools,
    `detail` of pictures, `name` of participants, tools that take free text (as `custom`), foreign tools and parts (by
    their kind) and another protocol's own fields.

    Raises:
        BadRequest: some content is such as Gemini cannot take. `param` says where it is.
    """
    dropped = list(_unsaid(request))
    fields: dict[str, Any] = {}
    system = [part for message in request.messages if message.role in _SYSTEM_ROLES for part in message.parts]
    spoken = [message for message in request.messages if message.role not in _SYSTEM_ROLES]
    if not spoken:  # Gemini answers only to contents
        spoken, system = [hub.Message(role=Role.USER, parts=tuple(system))], []
    turns = write_turns(spoken, origin=request.origin, dropped=dropped)
    fields["contents"] = turns or [{"role": "user", "parts": [{"text": ""}]}]
    if written := [{"text": _system_text(part)} for part in system]:
        fields["systemInstruction"] = {"parts": written}
    if tools := write_tools(request.tools, dropped):
        fields["tools"] = tools
    if request.tool_choice is not None:
        fields["toolConfig"] = write_choice(request.tool_choice)
    if config := write_settings(request):
        fields["generationConfig"] = config
    if request.service_tier in _TIERS:
        fields["serviceTier"] = request.service_tier
    if request.origin == PROTOCOL:
        fields.update((name, raw) for name, raw in request.extra.items() if not name.startswith(PREFIX))
    written_fields = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in fields.items()}
    return Encoded(written_fields, tuple(dict.fromkeys(dropped)))


def _system_text(part: hub.Part) -> str:
    if not isinstance(part, hub.Text | hub.Refusal):
        raise BadRequest(
            f"system messages for a Gemini provider are text; this one carries {type(part).__name__.lower()}",
            code="content_not_supported",
            param="messages",
        )
    return part.text


def _unsaid(request: hub.Request) -> Iterator[str]:
    """The names of parameters that Gemini has no field for, unless leaving them out says the same."""
    if request.parallel_tool_calls is False:
        yield "parallel_tool_calls"
    if request.user:
        yield "user"
    if request.service_tier not in _TIERS | _USUAL_TIERS:
        yield "service_tier"
    if any(isinstance(tool, hub.Tool) and tool.strict for tool in request.tools):
        yield "strict"
    if any(message.name for message in request.messages):
        yield "name"
    if any(isinstance(p, hub.Media) and p.detail not in {"", "auto"} for m in request.messages for p in m.parts):
        yield "detail"
    if request.origin != PROTOCOL:
        yield from request.extra
