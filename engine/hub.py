"""The hub: what every protocol is decoded to and encoded from, so that N protocols need N modules and not N x N.

Pure data. A value here says what was meant, not how one provider spells it; what only one protocol can say travels
beside it as `Foreign` content or as `extra` fields, comes back whole where the same protocol is spoken at the other
end, and is reported as dropped where it is not. JSON that is passed on unread (schemas, arguments) stays bytes.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Literal

import msgspec

from engine.values import Outcome, Usage

__all__ = [
    "AUTO",
    "CallDelta",
    "CallOpened",
    "Choice",
    "Citation",
    "Cited",
    "Event",
    "Failed",
    "Finish",
    "Finished",
    "Foreign",
    "Json",
    "LogProbs",
    "Media",
    "MediaArrived",
    "Message",
    "Metered",
    "Opened",
    "OutputFormat",
    "Part",
    "Reasoning",
    "Refusal",
    "RefusalDelta",
    "Reply",
    "Request",
    "Role",
    "Text",
    "TextDelta",
    "Thinking",
    "ThinkingDelta",
    "ThinkingSigned",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
]

Json = msgspec.Raw
"""A JSON value's own bytes."""

NO_EXTRA: Mapping[str, Json] = MappingProxyType({})


class Role(StrEnum):
    """Who speaks."""

    SYSTEM = "system"
    DEVELOPER = "developer"
    USER = "user"
    ASSISTANT = "assistant"
    TOOL = "tool"
    """Carries `ToolResult` parts and nothing else, in every protocol: decoders split, encoders merge."""


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """What a span of text rests on."""

    url: str = ""
    title: str = ""
    quote: str = ""
    """The text cited, from the source."""
    start: int | None = None
    """First character of the span in the answer's text; None when the protocol does not say."""
    end: int | None = None
    """One past its last character."""
    foreign: "Foreign | None" = None
    """The citation as its own protocol wrote it."""


class Foreign(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Content, a tool or an event that only its own protocol knows: server tools, compaction, program output."""

    protocol: str
    """Of `providers.d`: `anthropic`, `gemini`, `openai-responses`, …"""
    kind: str
    """The protocol's own word for it, `web_search_tool_result`; said when it is dropped."""
    raw: Json


class Text(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Words."""

    text: str
    citations: tuple[Citation, ...] = ()
    cache: Json | None = None
    """Anthropic's `cache_control`, as sent: the prompt up to here is to be cached."""
    signature: str = ""
    """Gemini signs text parts, too (`thoughtSignature`)."""


class Media(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A picture, sound, document or film: by reference or in base64. Exactly one of url, data, file_id is not empty."""

    kind: Literal["image", "audio", "file", "video"]
    url: str = ""
    """http(s), gs, s3; data URLs have been taken apart into `data` and `media_type`."""
    data: str = ""
    """Base64."""
    file_id: str = ""
    """At the provider that the file was uploaded to."""
    media_type: str = ""
    """`image/png`; empty when it was not said."""
    name: str = ""
    """File name or title."""
    detail: str = ""
    """OpenAI's `low`, `high`, `auto`."""
    cache: Json | None = None
    signature: str = ""


class Thinking(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Reasoning, in words, signed, or withheld. Signatures are good only where they were made."""

    text: str = ""
    signature: str = ""
    redacted: str = ""
    """Reasoning that came encrypted instead of as text."""
    origin: str = ""
    """The protocol that made the signature; empty when unknown."""
    id: str = ""
    """OpenAI Responses: the item's id."""


class ToolCall(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model wants a tool of the caller's."""

    id: str
    """Unique in the conversation; made up by the decoder where the provider sends none."""
    name: str
    arguments: str
    """JSON text, as the model wrote it, `{}` when it takes none; of a custom tool its free text."""
    custom: bool = False
    """OpenAI's custom tools take free text."""
    signature: str = ""
    """Gemini's `thoughtSignature` of the call."""
    cache: Json | None = None


class ToolResult(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a tool answered."""

    call_id: str
    parts: "tuple[Part, ...]" = ()
    name: str = ""
    """Of the tool; Gemini needs it. Decoders fill it from the call where the protocol does not send it."""
    is_error: bool = False
    cache: Json | None = None


class Refusal(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """The model declines, in words."""

    text: str


Part = Text | Media | Thinking | ToolCall | ToolResult | Refusal | Foreign


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One turn."""

    role: Role
    parts: tuple[Part, ...]
    name: str = ""
    """OpenAI's `name` of a participant."""


class Tool(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A function that the caller will run."""

    name: str
    description: str = ""
    parameters: Json | None = None
    """JSON Schema; None when it takes nothing."""
    strict: bool | None = None
    custom: bool = False
    """Takes free text; `parameters` is then the format that OpenAI's custom tools may carry."""
    cache: Json | None = None


class ToolChoice(msgspec.Struct, frozen=True, kw_only=True):
    """Whether and which tools the model must use."""

    mode: Literal["auto", "none", "any"] = "auto"
    names: tuple[str, ...] = ()
    """With `any`: only these; empty for all."""


AUTO = ToolChoice()


class OutputFormat(msgspec.Struct, frozen=True, kw_only=True):
    """The answer's shape, where it is not plain text."""

    schema: Json | None = None
    """JSON Schema; None asks for any JSON object."""
    name: str = ""
    description: str = ""
    strict: bool | None = None


class Reasoning(msgspec.Struct, frozen=True, kw_only=True):
    """How much the model is to think. What is None or empty was not said."""

    effort: str = ""
    """`none`, `minimal`, `low`, `medium`, `high`, `xhigh`, `max`."""
    budget_tokens: int | None = None
    enabled: bool | None = None
    show: bool | None = None
    """Whether the thoughts, or a summary of them, are wanted in the answer."""
    summary: str = ""
    """OpenAI Responses: `auto`, `concise`, `detailed`."""


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request for an answer to a conversation. What is None or empty was not said: encoders leave it out."""

    model: str
    messages: tuple[Message, ...]
    """System and developer messages first, where the protocol keeps them apart."""
    stream: bool = False
    tools: tuple[Tool | Foreign, ...] = ()
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None
    n: int | None = None
    """How many answers are wanted."""
    logprobs: bool | None = None
    top_logprobs: int | None = None
    format: OutputFormat | None = None
    reasoning: Reasoning | None = None
    user: str = ""
    service_tier: str = ""
    extra: Mapping[str, Json] = NO_EXTRA
    """Top-level fields that only the request's own protocol (`origin`) knows, by name."""
    origin: str = ""
    """The protocol that the request was decoded from."""


class Finish(StrEnum):
    """Why an answer ended."""

    STOP = "stop"
    """Said what there was to say, or met a stop sequence."""
    LENGTH = "length"
    TOOL_CALLS = "tool_calls"
    """Tools of the caller's are wanted. Derived from the content where a protocol says only that it stopped."""
    CONTENT_FILTER = "content_filter"
    """The provider's filter or safety system cut it, or the model refused."""
    PAUSE = "pause"
    """Anthropic's `pause_turn`: send the answer back to let it go on."""
    ERROR = "error"
    """The provider says that it failed midway; also anything that is none of the other kinds."""


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: Finish | None = None
    """None when the provider did not say."""
    finish_raw: str = ""
    """The provider's own word."""
    stop_sequence: str = ""
    """The one that was met, where the provider says which."""
    logprobs: Json | None = None
    """As OpenAI's chat writes them: `{"content": [...]}`."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    id: str = ""
    model: str = ""
    """The provider's name for it."""
    created: int | None = None
    """Seconds since 1970."""
    choices: tuple[Choice, ...] = ()
    usage: Usage | None = None
    service_tier: str = ""
    extra: Mapping[str, Json] = NO_EXTRA
    """Top-level fields that only its own protocol (`origin`) knows."""
    origin: str = ""


# A stream is: Opened, deltas in any order, Finished for each choice, Metered as often as the provider says (the last
# one counts), and an end. Deltas of one kind belong together; `call` numbers a choice's tool calls from 0.


class Opened(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The answer has begun."""

    id: str = ""
    model: str = ""
    created: int | None = None


class TextDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """More words."""

    text: str
    choice: int = 0
    signature: str = ""


class ThinkingDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """More reasoning in words."""

    text: str
    choice: int = 0


class ThinkingSigned(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """The reasoning so far is whole, and signed; or a piece of withheld reasoning."""

    signature: str = ""
    redacted: str = ""
    origin: str = ""
    id: str = ""
    choice: int = 0


class CallOpened(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A tool call begins. Sent once for each call, whatever the provider repeats."""

    call: int
    id: str
    name: str
    custom: bool = False
    signature: str = ""
    choice: int = 0


class CallDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """More of a call's arguments."""

    call: int
    arguments: str
    choice: int = 0


class RefusalDelta(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """More of a refusal."""

    text: str
    choice: int = 0


class Cited(msgspec.Struct, frozen=True, kw_only=True):
    """A citation of the text around it."""

    citation: Citation
    choice: int = 0


class MediaArrived(msgspec.Struct, frozen=True, kw_only=True):
    """A picture or a piece of sound."""

    media: Media
    choice: int = 0


class LogProbs(msgspec.Struct, frozen=True, kw_only=True):
    """Log-probabilities of the deltas around it, as `Choice.logprobs`."""

    logprobs: Json
    choice: int = 0


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """One of the answers has ended."""

    finish: Finish
    finish_raw: str = ""
    stop_sequence: str = ""
    choice: int = 0


class Metered(msgspec.Struct, frozen=True, kw_only=True):
    """Token counts so far; later ones replace earlier ones, nothing is added up."""

    usage: Usage


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """The provider says, inside the stream, that it failed. Nothing follows."""

    outcome: Outcome


Event = (
    Opened
    | TextDelta
    | ThinkingDelta
    | ThinkingSigned
    | CallOpened
    | CallDelta
    | RefusalDelta
    | Cited
    | MediaArrived
    | LogProbs
    | Foreign
    | Finished
    | Metered
    | Failed
)
