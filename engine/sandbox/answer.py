"""What the sandbox says: request → answer, always the same for the same request. Pure."""

import re
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

import msgspec

from engine.sandbox.instance import instance
from engine.wire.envelope import Envelope

__all__ = ["ChatAnswer", "ToolCall", "answer"]

_PIECE = re.compile(r"\S{1,8}\s*")
"""What counts as one token here: a word with the blanks after it, or eight letters of a long one."""

MOST_TOKENS = 4_096
"""The longest answer; a longer echo is cut, as by `max_tokens`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One call of a tool that the request offers."""

    id: str
    name: str
    arguments: str
    """JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """An answer, whole: text in the pieces in which it is streamed, or a tool call."""

    id: str
    model: str
    pieces: tuple[str, ...]
    tool_call: ToolCall | None
    finish_reason: str
    prompt_tokens: int

    @property
    def text(self) -> str:
        """The text, joined."""
        return "".join(self.pieces)

    @property
    def completion_tokens(self) -> int:
        """One for each piece of text, or of a tool's arguments."""
        return len(self.pieces) if self.tool_call is None else len(_pieces(self.tool_call.arguments)) + 1


def answer(request: Envelope, body: bytes) -> ChatAnswer:
    """The sandbox's answer to *request*, read from *body*: a tool call, JSON in the form asked for, or an echo.

    A tool is called when `tool_choice` demands one, or the last message is the user's and names it.
    """
    last = _list(request, "messages")[-1]
    digest = sha256(body).hexdigest()
    call = _tool_call(request, last, digest)
    most = MOST_TOKENS if request.max_tokens is None else min(request.max_tokens, MOST_TOKENS)
    pieces = () if call else _pieces(_text(request, last), most + 1)
    return ChatAnswer(
        id=f"chatcmpl-sandbox-{digest[:24]}",
        model=request.model,
        pieces=pieces[:most],
        tool_call=call,
        finish_reason=_finish_reason(called=call is not None, cut=len(pieces) > most),
        prompt_tokens=request.input_tokens,
    )


def _finish_reason(*, called: bool, cut: bool) -> str:
    if called:
        return "tool_calls"
    return "length" if cut else "stop"


def _text(request: Envelope, last: object) -> str:
    said = _said(last)
    form = _value(request, "response_format")
    match form:
        case {"type": "json_schema", "json_schema": {"schema": schema}}:
            return msgspec.json.encode(instance(schema)).decode()
        case {"type": "json_object"}:
            return msgspec.json.encode({"echo": said}).decode()
    if _role(last) == "tool":
        return f"The tool answered: {said}"
    return f"You said: {said}"


def _tool_call(request: Envelope, last: object, digest: str) -> ToolCall | None:
    functions = [tool["function"] for tool in _list(request, "tools") if _is_function(tool)]
    wanted = _wanted(_value(request, "tool_choice"), functions, last)
    if wanted is None:
        return None
    arguments = msgspec.json.encode(instance(wanted.get("parameters", {}))).decode()
    return ToolCall(id=f"call_{digest[24:48]}", name=wanted["name"], arguments=arguments)


def _wanted(choice: object, functions: list[dict[str, Any]], last: object) -> dict[str, Any] | None:
    """The function to be called; None for none."""
    match choice:
        case "none":
            return None
        case "required":
            return functions[0] if functions else None
        case {"function": {"name": name}}:
            return next((function for function in functions if function["name"] == name), None)
    if _role(last) != "user":
        return None
    asked = _said(last).lower()
    return next((function for function in functions if function["name"].lower() in asked), None)


def _is_function(tool: object) -> bool:
    match tool:
        case {"type": "function", "function": {"name": str()}}:
            return True
    return False


def _said(message: object) -> str:
    """The text of a message, whether it is a string or a list of parts."""
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        return " ".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    return content if isinstance(content, str) else ""


def _role(message: object) -> object:
    return message.get("role") if isinstance(message, dict) else None


def _pieces(text: str, most: int = MOST_TOKENS) -> tuple[str, ...]:
    return tuple(piece.group() for piece in islice(_PIECE.finditer(text), most))


def _value(request: Envelope, name: str) -> Any:
    return msgspec.json.decode(request.fields[name]) if name in request.fields else None


def _list(request: Envelope, name: str) -> list[Any]:
    value = _value(request, name)
    return value if isinstance(value, list) else []
