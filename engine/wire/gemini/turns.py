"""`contents` ↔ messages: who speaks, which tools were called and what they answered.

Neighbouring contents of one role are one turn, as Gemini reads them. Results of functions are in the user's turns, and
messages of their own in the hub.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.hub import Role
from engine.wire.gemini import media
from engine.wire.gemini.chunk import PROTOCOL, Content, FunctionResponse, Part, as_list, is_given
from engine.wire.gemini.parts import ABOUT, arguments_of, foreign_in, read_spoken, write_spoken
from engine.wire.gemini.signature import STAND_IN

__all__ = ["read_turns", "write_turns"]

_ROLES = {None: Role.USER, "": Role.USER, "user": Role.USER, "model": Role.ASSISTANT, "function": Role.TOOL}
"""`function` is an older role of results. Without a role, the user speaks."""

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])
_TEXT = msgspec.json.Decoder(str)


class _Calls:
    """The calls of a conversation: their ids, made up where there is none, and which of them are still unanswered."""

    def __init__(self, contents: Iterable[Content]) -> None:
        self._given = {
            part.function_call.id for content in contents for part in as_list(content.parts) if part.function_call
        }
        self._made = 0
        self.names: dict[str, str] = {}
        """Id of a call → name of the function called."""
        self._open: list[str] = []
        """Ids of unanswered calls, oldest first."""

    def called(self, name: str, given: str | None) -> str:
        call_id = given or self._make()
        self._open.append(call_id)
        self.names[call_id] = name
        return call_id

    def answered(self, name: str, given: str | None) -> str:
        """The id of the call that is answered; if *given* is no call's, that of the oldest unanswered one of *name*.

        google-genai's `Part.from_function_response` gives no id, whether the call had one or not.
        """
        if given is None or given not in self._given:
            named = (call_id for call_id in self._open if self.names[call_id] == name)
            call_id = next(named, "") or given or self._make()
        else:
            call_id = given
        if call_id in self._open:
            self._open.remove(call_id)
        return call_id

    def _make(self) -> str:
        while (made := f"call_{self._made}") in self._given:
            self._made += 1
        self._made += 1
        return made


def read_turns(contents: Sequence[Content]) -> tuple[hub.Message, ...]:
    """The messages in *contents*.

    Raises:
        BadRequest: Gemini does not have some role.
    """
    calls = _Calls(contents)
    spoken = ((_role(content), part) for content in contents for part in as_list(content.parts))
    read = (pair for role, part in spoken for pair in _read(part, role, calls))
    messages = groupby(read, key=lambda pair: pair[0])
    return tuple(hub.Message(role=role, parts=tuple(part for _, part in pairs)) for role, pairs in messages)


def _role(content: Content) -> Role:
    role = _ROLES.get(content.role)
    if role is None:
        raise BadRequest(
            f"contents: '{content.role}' is no role: use 'user' or 'model'", code="invalid_value", param="contents"
        )
    return Role.USER if role is Role.TOOL else role


def _read(part: Part, role: Role, calls: _Calls) -> Iterator[tuple[Role, hub.Part]]:
    call, answer = part.function_call, part.function_response
    if call is not None:
        name = call.name or ""
        if is_given(call.args) and bytes(call.args)[:1] != b"{":
            raise BadRequest("functionCall.args must be an object", code="invalid_type", param="contents")
        signature = part.thought_signature or ""
        call_id = calls.called(name, call.id)
        yield role, hub.ToolCall(id=call_id, name=name, arguments=arguments_of(call), signature=signature)
    elif answer is not None:
        yield Role.TOOL, _result(answer, calls)
    elif (spoken := read_spoken(part)) is not None:
        yield role, spoken
    for foreign in foreign_in(part):
        yield role, foreign


def _result(answer: FunctionResponse, calls: _Calls) -> hub.ToolResult:
    name = answer.name or ""
    text, is_error = _said(answer.response)
    said: tuple[hub.Part, ...] = () if text is None else (hub.Text(text=text),)
    shown = tuple(part for each in answer.parts or () if isinstance(part := read_spoken(each), hub.Media | hub.Text))
    call_id = calls.answered(name, answer.id)
    name = name or calls.names.get(call_id, "")
    return hub.ToolResult(call_id=call_id, parts=said + shown, name=name, is_error=is_error)


def _said(response: msgspec.Raw) -> tuple[str | None, bool]:
    """What a function's `response` says, and whether that is an error: the keys `output` and `error` tell."""
    if not is_given(response):
        return None, False
    try:
        fields = _OBJECT.decode(response)
        if not fields:
            return None, False
        if fields.keys() == {"output"}:
            return _TEXT.decode(fields["output"]), False
        if fields.keys() == {"error"}:
            return _TEXT.decode(fields["error"]), True
    except msgspec.ValidationError:  # no object, or the key's value is no text: it is kept as it was written
        pass
    return bytes(response).decode(), False


def write_turns(messages: Sequence[hub.Message], *, origin: str, dropped: list[str]) -> list[dict[str, Any]]:
    """The `contents` for *messages*; foreign parts of other protocols are left out and named in *dropped*.

    Raises:
        BadRequest: some content is such as Gemini cannot take.
    """
    names = {part.id: part.name for message in messages for part in message.parts if isinstance(part, hub.ToolCall)}
    turns: list[dict[str, Any]] = []
    for message in messages:
        role = "model" if message.role is Role.ASSISTANT else "user"
        parts = _Writer(origin, names, dropped).write(message.parts)
        if parts and turns and turns[-1]["role"] == role:
            turns[-1]["parts"].extend(parts)
        elif parts:
            turns.append({"role": role, "parts": parts})
    return turns


class _Writer:
    """Writes the parts of one message."""

    def __init__(self, origin: str, names: Mapping[str, str], dropped: list[str]) -> None:
        self._is_own = origin == PROTOCOL
        self._names = names
        self._dropped = dropped
        self._parts: list[dict[str, Any]] = []
        self._has_calls = False

    def write(self, parts: Iterable[hub.Part]) -> list[dict[str, Any]]:
        for part in parts:
            written = self._written(part)
            if written is not None:
                self._parts.append(written)
        return self._parts

    def _written(self, part: hub.Part) -> dict[str, Any] | None:
        match part:
            case hub.Thinking():
                return self._thought(part)
            case hub.ToolResult():
                return {"functionResponse": self._answer(part)}
            case hub.Foreign():
                return self._foreign(part)
            case hub.ToolCall():
                return self._call(part)
            case hub.Media():
                media.check(part)
        return write_spoken(part, guess=not self._is_own)

    def _thought(self, part: hub.Thinking) -> dict[str, Any] | None:
        """The part for a thought; None if another protocol signed it: without that signature it is worth nothing."""
        if part.origin not in {"", PROTOCOL}:
            return None
        signed = {"thoughtSignature": part.signature} if part.signature and part.origin else {}
        return {"text": part.text, "thought": True, **signed} if part.text or signed else None

    def _call(self, part: hub.ToolCall) -> dict[str, Any] | None:
        written = write_spoken(part)
        if not (self._is_own or self._has_calls or part.signature) and written is not None:
            written["thoughtSignature"] = STAND_IN
        self._has_calls = True
        return written

    def _foreign(self, part: hub.Foreign) -> dict[str, Any] | None:
        if part.protocol != PROTOCOL:
            self._dropped.append(part.kind)
            return None
        said = _OBJECT.decode(part.raw)
        if part.kind in ABOUT.values() and self._parts and part.kind not in self._parts[-1]:
            self._parts[-1].update(said)
            return None
        return dict(said)

    def _answer(self, part: hub.ToolResult) -> dict[str, Any]:
        said = [each for each in part.parts if isinstance(each, hub.Text | hub.Refusal)]
        shown = [each for each in part.parts if isinstance(each, hub.Media)]
        for other in part.parts:
            if isinstance(other, hub.Foreign):
                self._dropped.append(other.kind)
        answer: dict[str, Any] = {
            "id": part.call_id,
            "name": part.name or self._names.get(part.call_id) or part.call_id,
            "response": _response("\n".join(each.text for each in said), is_error=part.is_error) if said else {},
        }
        for each in shown:
            media.check(each)
        if shown:
            answer["parts"] = [media.write_media(each, guess=not self._is_own) for each in shown]
        return answer


def _response(text: str, *, is_error: bool) -> object:
    """The `response` for *text*: the text itself if it is a JSON object, but not `{}`, which means no answer at all."""
    if is_error:
        return {"error": text}
    if text.lstrip()[:1] == "{":
        try:
            said = _OBJECT.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return {"output": text}
        return msgspec.Raw(text.encode()) if said else {"output": text}
    return {"output": text}
