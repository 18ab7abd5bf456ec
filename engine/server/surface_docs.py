"""Describes the surfaces in the OpenAPI document, from which Litestar leaves bare ASGI handlers out."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, PathItem, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.openapi.spec.response import OpenAPIResponse

from engine.server.surfaces import PATHS
from engine.values import Surface

__all__ = ["document"]

_JSON: Final = "application/json"
_FORM: Final = "multipart/form-data"
_EVENTS: Final = "text/event-stream"
_WHOLE: Final = (_JSON,)
_WHOLE_OR_STREAM: Final = (_JSON, _EVENTS)
_STREAMED: Final = "Answered whole, or as server-sent events when a stream is asked for."


class _Said(NamedTuple):
    """What the document says of a surface, or of one of its paths."""

    operation: str
    summary: str
    required: tuple[str, ...]
    answers: tuple[str, ...] = _WHOLE
    """Media types of its answers."""
    sent: str = _JSON
    """Media type of its requests."""
    parameters: tuple[Parameter, ...] = ()


_SURFACES: Final[Mapping[Surface, _Said]] = MappingProxyType(
    {
        Surface.CHAT: _Said(
            "ChatCompletions", "Chat completion, as OpenAI defines it", ("model", "messages"), _WHOLE_OR_STREAM
        ),
        Surface.COMPLETIONS: _Said(
            "Completions", "Text completion, as OpenAI defined it", ("model", "prompt"), _WHOLE_OR_STREAM
        ),
        Surface.MESSAGES: _Said(
            "Messages", "Message, as Anthropic defines it", ("model", "messages"), _WHOLE_OR_STREAM
        ),
        Surface.COUNT_MESSAGES: _Said(
            "CountTokens", "Tokens of a message, counted or estimated", ("model", "messages")
        ),
        Surface.RESPONSES: _Said(
            "Responses", "Response, as OpenAI defines it; nothing is stored here", ("model", "input"), _WHOLE_OR_STREAM
        ),
        Surface.EMBEDDINGS: _Said("Embeddings", "Embeddings, as OpenAI defines them", ("model", "input")),
        Surface.RERANK: _Said(
            "Rerank", "The order of documents, as Cohere defines it", ("model", "query", "documents")
        ),
        Surface.MODERATIONS: _Said("Moderations", "Moderation, as OpenAI defines it", ("input",)),
        Surface.IMAGES: _Said("Images", "Pictures after words, as OpenAI defines them", ("prompt",), _WHOLE_OR_STREAM),
        Surface.IMAGE_EDITS: _Said(
            "ImageEdits", "Pictures edited, as OpenAI defines it", ("image", "prompt"), _WHOLE_OR_STREAM, _FORM
        ),
        Surface.IMAGE_VARIATIONS: _Said(
            "ImageVariations", "Variations of a picture, as OpenAI defines them", ("image",), sent=_FORM
        ),
        Surface.TRANSCRIPTIONS: _Said(
            "Transcriptions",
            "Speech to text, as OpenAI defines it",
            ("model", "file"),
            (_JSON, "text/plain", _EVENTS),
            _FORM,
        ),
        Surface.TRANSLATIONS: _Said(
            "Translations",
            "Speech to English text, as OpenAI defines it",
            ("model", "file"),
            (_JSON, "text/plain"),
            _FORM,
        ),
        Surface.SPEECH: _Said(
            "Speech", "Text to speech, as OpenAI defines it", ("model", "input", "voice"), ("audio/*", _EVENTS)
        ),
    }
)

_MODEL: Final = Parameter(
    name="model",
    param_in="path",
    required=True,
    description="a name from /v1/models, or a pin model@provider",
    schema=Schema(type=OpenAPIType.STRING),
)
_ALT: Final = Parameter(
    name="alt",
    param_in="query",
    description="`sse` streams server-sent events; without it the stream is one JSON array",
    schema=Schema(type=OpenAPIType.STRING, enum=["sse"]),
)

_GENERATE: Final = _Said("GenerateContent", "Content, as Gemini defines it", ("contents",), parameters=(_MODEL,))
_STREAM: Final = _Said(
    "StreamGenerateContent",
    "Content piece by piece, as Gemini defines it",
    ("contents",),
    _WHOLE_OR_STREAM,
    parameters=(_MODEL, _ALT),
)
_COUNT: Final = _Said(
    "CountContentTokens", "Tokens of contents, counted or estimated", ("contents",), parameters=(_MODEL,)
)
_MODEL_PATHS: Final[Mapping[str, tuple[_Said, str]]] = MappingProxyType(
    {
        "/v1beta/models/{model}:generateContent": (_GENERATE, ""),
        "/v1beta/models/{model}:streamGenerateContent": (_STREAM, ""),
        "/v1beta/models/{model}:countTokens": (_COUNT, ""),
        "/v1/models/{model}:generateContent": (_GENERATE, "V1"),
        "/v1/models/{model}:streamGenerateContent": (_STREAM, "V1"),
        "/v1/models/{model}:countTokens": (_COUNT, "V1"),
    }
)
"""What is said of Gemini's paths, and what the version adds to an operation's id."""

_TEXT: Final = Schema(type=OpenAPIType.STRING)
_BYTES: Final = Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream")
_OBJECT: Final = Schema(type=OpenAPIType.OBJECT)
_TEXT_OR_LIST: Final = Schema(one_of=[_TEXT, Schema(type=OpenAPIType.ARRAY, items=Schema())])
_FIELDS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "model": Schema(type=OpenAPIType.STRING, description="a name from /v1/models, or a pin model@provider"),
        "messages": Schema(type=OpenAPIType.ARRAY, items=_OBJECT),
        "query": _TEXT,
        "documents": Schema(type=OpenAPIType.ARRAY, items=Schema()),
        "voice": _TEXT,
        "file": _BYTES,
        "image": _BYTES,
        "contents": Schema(type=OpenAPIType.ARRAY, items=_OBJECT),
        "prompt": _TEXT_OR_LIST,
        "input": _TEXT_OR_LIST,
    }
)


def document(paths: dict[str, PathItem]) -> None:
    """Describe every surface in an OpenAPI document."""
    for path, surface in PATHS.items():
        paths[path] = PathItem(post=_operation(_SURFACES[surface], "" if path.startswith("/v1") else "Short"))
    for path, (said, suffix) in _MODEL_PATHS.items():
        paths[path] = PathItem(post=_operation(said, suffix))


def _operation(said: _Said, suffix: str) -> Operation:
    body = Schema(
        type=OpenAPIType.OBJECT,
        required=list(said.required),
        properties={field: _FIELDS[field] for field in said.required},
        description="Fields that are not named here pass through.",
    )
    return Operation(
        operation_id=said.operation + suffix,
        tags=["inference"],
        summary=said.summary,
        description=_STREAMED if _EVENTS in said.answers else "Answered whole.",
        parameters=list(said.parameters) or None,
        request_body=RequestBody(content={said.sent: OpenAPIMediaType(schema=body)}, required=True),
        responses={
            "200": OpenAPIResponse(
                description="the answer",
                content={kind: OpenAPIMediaType(schema=_answer(kind)) for kind in said.answers},
            ),
            "default": OpenAPIResponse(
                description="an error in the surface's own protocol",
                content={_JSON: OpenAPIMediaType(schema=_OBJECT)},
            ),
        },
    )


def _answer(kind: str) -> Schema:
    if kind == _JSON:
        return _OBJECT
    return _BYTES if kind == "audio/*" else _TEXT
