"""Requests to Converse: hub → body, and body → hub. `parameters` and `tools` say what is left out and reported."""

from typing import Any, Literal

import msgspec

from engine import hub
from engine.errors import BadRequest
from engine.wire.bedrock import PROTOCOL, parameters
from engine.wire.bedrock.blocks import Blocks, not_supported
from engine.wire.bedrock.parts import parts
from engine.wire.bedrock.reasoning import maker_of
from engine.wire.bedrock.tools import Config, read_choice, read_tools, write_tools
from engine.wire.body import finish_as_is as finish
from engine.wire.envelope import Encoded
from engine.wire.json_edit import Fields
from engine.wire.json_read import UNREADABLE

__all__ = ["decode_request", "encode_request", "finish"]


class _Message(msgspec.Struct):
    role: Literal["user", "assistant", "system"]
    content: list[msgspec.Raw]


class _Body(parameters.Parameters, rename="camel", kw_only=True):
    messages: tuple[_Message, ...] = ()
    system: tuple[msgspec.Raw, ...] = ()
    tool_config: Config | None = None
    model_id: str = ""


_BODY = msgspec.json.Decoder(_Body)
_ENCODER = msgspec.json.Encoder()

_READ = frozenset(field.encode_name for field in msgspec.structs.fields(_Body))


def encode_request(request: hub.Request, *, adaptive: bool | None = None) -> Encoded:
    """The body for Converse. `request.model` should be the provider's name for the model, since it tells the maker.

    *adaptive*, for Claude: whether the model chooses how long it thinks and takes an effort, or takes a budget; None
    leaves it to the model's name.

    Raises:
        BadRequest: content that Converse cannot take, such as a picture by URL.
    """
    own = request.origin == PROTOCOL
    maker = maker_of(request.model) or ("anthropic" if own else "")
    blocks, lost = Blocks(maker), [] if own else list(request.extra)
    system, turns = _turns(request.messages, blocks)
    body: dict[str, Any] = {"messages": turns} | ({"system": system} if system else {})
    body |= write_tools(request, blocks, lost)
    body |= parameters.write_parameters(request, maker, lost, adaptive=adaptive)
    if own:
        more = parameters.merged(body.get(parameters.MORE, {}), request.extra.get(parameters.MORE))
        body |= request.extra
        body |= {parameters.MORE: more} if more else {}
    fields = {name: msgspec.Raw(_ENCODER.encode(value)) for name, value in body.items()}
    return Encoded(fields, tuple(dict.fromkeys([*lost, *blocks.dropped])))


def _turns(messages: tuple[hub.Message, ...], blocks: Blocks) -> tuple[list[Any], list[Any]]:
    """The system blocks, and the turns: user and assistant alternate, and tool results are the user's."""
    system: list[Any] = []
    turns: list[dict[str, Any]] = []
    for message in messages:
        if message.role in {hub.Role.SYSTEM, hub.Role.DEVELOPER}:
            system += blocks.content(_checked(message.parts))
            continue
        role = "assistant" if message.role is hub.Role.ASSISTANT else "user"
        content = blocks.content(message.parts)
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += content
        elif content:
            turns.append({"role": role, "content": content})
    return system, turns


def _checked(said: tuple[hub.Part, ...]) -> tuple[hub.Part, ...]:
    """The parts of a system message, which may be text only."""
    for part in said:
        if not isinstance(part, hub.Text | hub.Foreign):
            raise not_supported(f"{type(part).__name__.lower()} content in a system message", "messages")
    return said


def decode_request(fields: Fields) -> hub.Request:
    """The request that *fields*, a body for Converse, make.

    Raises:
        BadRequest: they are not of the protocol's shape; `param` names the field.
    """
    known = {name: raw for name, raw in fields.items() if name in _READ}
    try:
        body = _BODY.decode(_ENCODER.encode(known))
        return _request(body, {name: raw for name, raw in fields.items() if name not in _READ})
    except UNREADABLE as exc:
        name = _wrong(known)
        raise BadRequest(f"{name} cannot be read: {exc}", code="invalid_type", param=name) from exc


def _request(body: _Body, extra: dict[str, msgspec.Raw]) -> hub.Request:
    read, rest = parameters.read_parameters(body)
    config = body.tool_config
    return hub.Request(
        model=body.model_id,
        messages=_messages(body),
        tools=read_tools(config) if config else (),
        tool_choice=read_choice(config) if config else None,
        extra=extra | rest,
        origin=PROTOCOL,
        **read,
    )


def _wrong(fields: Fields) -> str:
    """Which of the fields is not of the protocol's shape; blocks and tools are read one by one, later."""
    for name, raw in fields.items():
        try:
            _BODY.decode(_ENCODER.encode({name: raw}))
        except (msgspec.DecodeError, RecursionError):
            return name
    return "messages"


def _messages(body: _Body) -> tuple[hub.Message, ...]:
    """The conversation: the system's text first, tool results in messages of their own, neighbours of a role joined."""
    turns: list[tuple[hub.Role, list[hub.Part]]] = []
    if body.system:
        turns.append((hub.Role.SYSTEM, parts(body.system, results=False)))
    names: dict[str, str] = {}
    for message in body.messages:
        said = parts(message.content, results=message.role == "user")
        names |= {part.id: part.name for part in said if isinstance(part, hub.ToolCall)}
        for part in said:
            role = hub.Role(message.role)
            if isinstance(part, hub.ToolResult):
                role, part = hub.Role.TOOL, msgspec.structs.replace(part, name=names.get(part.call_id, ""))  # noqa: PLW2901
            if turns and turns[-1][0] is role:
                turns[-1][1].append(part)
            else:
                turns.append((role, [part]))
    return tuple(hub.Message(role=role, parts=tuple(said)) for role, said in turns)
