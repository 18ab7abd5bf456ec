"""Where each surface is reached: its paths, how it is described, and the paths in which a model's name stands.

Litestar's bare ASGI handlers take no path parameters, so Gemini's paths are told apart in front of the application.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

from litestar.openapi.spec import OpenAPIMediaType, Operation, Parameter, PathItem, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.openapi.spec.response import OpenAPIResponse

from engine.gateway import PathSays
from engine.server.inference import Inference
from engine.values import Surface

__all__ = ["PATHS", "ModelPaths", "document"]

PATHS: Final[Mapping[str, Surface]] = MappingProxyType(
    {
        "/v1/chat/completions": Surface.CHAT,
        "/chat/completions": Surface.CHAT,
        "/v1/completions": Surface.COMPLETIONS,
        "/v1/messages": Surface.MESSAGES,
        "/v1/messages/count_tokens": Surface.COUNT_MESSAGES,
        "/v1/responses": Surface.RESPONSES,
        "/v1/embeddings": Surface.EMBEDDINGS,
        "/v1/rerank": Surface.RERANK,
        "/v1/moderations": Surface.MODERATIONS,
        "/v1/images/generations": Surface.IMAGES,
        "/v1/images/edits": Surface.IMAGE_EDITS,
        "/v1/images/variations": Surface.IMAGE_VARIATIONS,
        "/v1/audio/transcriptions": Surface.TRANSCRIPTIONS,
        "/v1/audio/translations": Surface.TRANSLATIONS,
        "/v1/audio/speech": Surface.SPEECH,
    }
)

MODEL_PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "/v1beta/models/{model}:generateContent": "GenerateContent",
        "/v1beta/models/{model}:streamGenerateContent": "StreamGenerateContent",
        "/v1beta/models/{model}:countTokens": "CountContentTokens",
        "/v1/models/{model}:countTokens": "CountContentTokensV1",
        "/v1/models/{model}:generateContent": "GenerateContentV1",
        "/v1/models/{model}:streamGenerateContent": "StreamGenerateContentV1",
    }
)
"""Path → operation id."""

_MODEL_PATH: Final = re.compile(
    r"/v1(?:beta|alpha)?/models/(?P<model>.+):(?P<verb>generateContent|streamGenerateContent|countTokens)"
)

_SAID: Final[Mapping[Surface, tuple[str, str, tuple[str, ...]]]] = MappingProxyType(
    {
        Surface.CHAT: ("ChatCompletions", "Chat completion, as OpenAI defines it", ("model", "messages")),
        Surface.COMPLETIONS: ("Completions", "Text completion, as OpenAI defined it", ("model", "prompt")),
        Surface.MESSAGES: ("Messages", "Message, as Anthropic defines it", ("model", "messages")),
        Surface.COUNT_MESSAGES: ("CountTokens", "Tokens of a message, counted or estimated", ("model", "messages")),
        Surface.RESPONSES: ("Responses", "Response, as OpenAI defines it; nothing is stored here", ("model", "input")),
        Surface.EMBEDDINGS: ("Embeddings", "Embeddings, as OpenAI defines them", ("model", "input")),
        Surface.RERANK: ("Rerank", "The order of documents, as Cohere defines it", ("model", "query", "documents")),
        Surface.MODERATIONS: ("Moderations", "Moderation, as OpenAI defines it", ("input",)),
        Surface.IMAGES: ("Images", "Pictures after words, as OpenAI defines them", ("prompt",)),
        Surface.IMAGE_EDITS: ("ImageEdits", "Pictures edited, as OpenAI defines it", ("image", "prompt")),
        Surface.IMAGE_VARIATIONS: ("ImageVariations", "Variations of a picture, as OpenAI defines them", ("image",)),
        Surface.TRANSCRIPTIONS: ("Transcriptions", "Speech to text, as OpenAI defines it", ("model", "file")),
        Surface.TRANSLATIONS: ("Translations", "Speech to English text, as OpenAI defines it", ("model", "file")),
        Surface.SPEECH: ("Speech", "Text to speech, as OpenAI defines it", ("model", "input", "voice")),
        Surface.GENERATE: ("GenerateContent", "Content, as Gemini defines it", ("contents",)),
    }
)
"""Surface → operation id, summary, required fields."""


_FORMS: Final = frozenset({Surface.IMAGE_EDITS, Surface.IMAGE_VARIATIONS, Surface.TRANSCRIPTIONS, Surface.TRANSLATIONS})


class ModelPaths:
    """An ASGI application in front of another: it takes Gemini's paths and leaves every other one."""

    def __init__(self, application: Any, generate: Inference, count: Inference) -> None:
        self._application = application
        self._generate = generate
        self._count = count

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        found = _MODEL_PATH.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None
        if found is None:
            await self._application(scope, receive, send)
            return
        stream = found["verb"] == "streamGenerateContent"
        is_array = stream and parse_qs(scope["query_string"].decode("latin-1")).get("alt") != ["sse"]
        says = PathSays(model=found["model"], stream=stream, array=is_array)
        inference = self._count if found["verb"] == "countTokens" else self._generate
        await inference.serve(scope, receive, send, says)


def document(paths: dict[str, PathItem]) -> None:
    """Describe every surface in an OpenAPI document, which bare ASGI handlers do not reach by themselves."""
    for path, surface in PATHS.items():
        paths[path] = PathItem(post=_operation(surface, "" if path.startswith("/v1") else "Short"))
    for path, name in MODEL_PATHS.items():
        paths[path] = PathItem(post=_operation(Surface.GENERATE, name=name, parameters=[_MODEL]))


_MODEL: Final = Parameter(
    name="model",
    param_in="path",
    required=True,
    description="a name from /v1/models",
    schema=Schema(type=OpenAPIType.STRING),
)


def _operation(
    surface: Surface, suffix: str = "", *, name: str = "", parameters: list[Parameter] | None = None
) -> Operation:
    operation, summary, required = _SAID[surface]
    body = Schema(
        type=OpenAPIType.OBJECT,
        required=list(required),
        properties={field: _FIELDS[field] for field in required},
        description="Fields that are not named here pass through.",
    )
    sent = "multipart/form-data" if surface in _FORMS else "application/json"
    either = {"application/json": Schema(type=OpenAPIType.OBJECT), "text/event-stream": Schema(type=OpenAPIType.STRING)}
    return Operation(
        operation_id=name or operation + suffix,
        tags=["inference"],
        summary=summary,
        description="Answered whole, or as server-sent events when a stream is asked for.",
        parameters=list(parameters) if parameters else None,
        request_body=RequestBody(content={sent: OpenAPIMediaType(schema=body)}, required=True),
        responses={
            "200": OpenAPIResponse(
                description="the answer",
                content={kind: OpenAPIMediaType(schema=schema) for kind, schema in either.items()},
            ),
            "default": OpenAPIResponse(
                description="an error in the surface's own protocol",
                content={"application/json": OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT))},
            ),
        },
    )


_FIELDS: Final[Mapping[str, Schema]] = MappingProxyType(
    {
        "model": Schema(type=OpenAPIType.STRING, description="a name from /v1/models, or a pin model@provider"),
        "messages": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)),
        "query": Schema(type=OpenAPIType.STRING),
        "documents": Schema(type=OpenAPIType.ARRAY, items=Schema()),
        "voice": Schema(type=OpenAPIType.STRING),
        "file": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
        "image": Schema(type=OpenAPIType.STRING, content_media_type="application/octet-stream"),
        "contents": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)),
        "prompt": Schema(one_of=[Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.ARRAY, items=Schema())]),
        "input": Schema(one_of=[Schema(type=OpenAPIType.STRING), Schema(type=OpenAPIType.ARRAY, items=Schema())]),
    }
)
