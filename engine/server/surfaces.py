"""Where each surface is reached: the fixed paths, and Gemini's, which have the model's name in them.

Litestar's bare ASGI handlers take no path parameters, so Gemini's paths are told apart in front of the application.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import parse_qs

from engine.gateway import PathSays
from engine.server.inference import Inference
from engine.values import Surface

__all__ = ["PATHS", "ModelPaths"]

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

_MODEL_PATH: Final = re.compile(
    r"/v1(?:beta)?/models/(?P<model>.+):(?P<verb>generateContent|streamGenerateContent|countTokens)"
)


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
