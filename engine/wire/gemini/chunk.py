"""The shapes of Gemini's JSON that requests, answers and stream chunks share, as far as they are read.

The JSON is made from protocol buffers, so a field that is null, empty or zero may be missing, and a caller that sets
`$alt=json;enum-encoding=int` gets numbers for enumerations.

Source: https://ai.google.dev/api/generate-content, and the discovery document of v1beta, read 2026-11.
"""

import msgspec

__all__ = [
    "NOT_GIVEN",
    "PROTOCOL",
    "Blob",
    "Candidate",
    "Chunk",
    "Content",
    "FileData",
    "FunctionCall",
    "FunctionResponse",
    "Part",
    "PartialArg",
    "as_list",
    "is_given",
]

PROTOCOL = "gemini"

NOT_GIVEN = msgspec.Raw(b"null")
"""The value of a missing field, for fields that are kept as bytes."""


def is_given(raw: msgspec.Raw) -> bool:
    """Whether a field that is kept as bytes says anything."""
    return raw is not NOT_GIVEN and bytes(raw) != b"null"


class Blob(msgspec.Struct, rename="camel", gc=False):
    """Bytes in base64, in either of its alphabets: google-genai writes the URL-safe one."""

    mime_type: str | None = None
    data: str | None = None


class FileData(msgspec.Struct, rename="camel", gc=False):
    """A file by reference."""

    mime_type: str | None = None
    file_uri: str | None = None


class PartialArg(msgspec.Struct, rename="camel", gc=False):
    """A piece of a call's arguments that Vertex streams; where `will_continue`, the next piece continues the string."""

    json_path: str | None = None
    string_value: str | None = None
    number_value: float | int | None = None
    bool_value: bool | None = None
    will_continue: bool | None = None


class FunctionCall(msgspec.Struct, rename="camel", gc=False):
    """A call of a function; the model may leave out `id`, and `args` where there are none."""

    id: str | None = None
    name: str | None = None
    args: msgspec.Raw = NOT_GIVEN
    partial_args: list[PartialArg] | None = None
    will_continue: bool | None = None


class FunctionResponse(msgspec.Struct, rename="camel"):
    """What a function answered."""

    id: str | None = None
    name: str | None = None
    response: msgspec.Raw = NOT_GIVEN
    parts: "list[Part] | None" = None


class Part(msgspec.Struct, rename="camel"):
    """One part of a turn: one kind of content, and what is said about it."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    function_response: FunctionResponse | None = None
    inline_data: Blob | None = None
    file_data: FileData | None = None
    executable_code: msgspec.Raw = NOT_GIVEN
    code_execution_result: msgspec.Raw = NOT_GIVEN
    tool_call: msgspec.Raw = NOT_GIVEN
    tool_response: msgspec.Raw = NOT_GIVEN
    video_metadata: msgspec.Raw = NOT_GIVEN
    media_resolution: msgspec.Raw = NOT_GIVEN
    part_metadata: msgspec.Raw = NOT_GIVEN


class Content(msgspec.Struct):
    """A turn. Google's own examples write a single part without the list around it."""

    parts: list[Part] | Part | None = None
    role: str | None = None


class Candidate(msgspec.Struct, rename="camel"):
    """One of the answers, or a piece of it."""

    content: Content | None = None
    finish_reason: str | int | None = None
    index: int | None = None
    logprobs_result: msgspec.Raw = NOT_GIVEN
    grounding_metadata: msgspec.Raw = NOT_GIVEN
    citation_metadata: msgspec.Raw = NOT_GIVEN
    url_context_metadata: msgspec.Raw = NOT_GIVEN


class Chunk(msgspec.Struct, rename="camel"):
    """A whole answer, or one chunk of a stream: they have the same shape."""

    candidates: list[Candidate] | None = None
    usage_metadata: msgspec.Raw = NOT_GIVEN
    model_version: str | None = None
    response_id: str | None = None
    prompt_feedback: msgspec.Raw = NOT_GIVEN
    error: msgspec.Raw = NOT_GIVEN


def as_list(parts: list[Part] | Part | None) -> list[Part]:
    """The parts of a turn, whichever way they are written."""
    if isinstance(parts, list):
        return parts
    return [] if parts is None else [parts]
