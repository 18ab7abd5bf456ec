"""The application: every endpoint in one place, in one OpenAPI document."""

from collections.abc import Mapping

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import OpenAPIMediaType, Operation, PathItem, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIType
from litestar.openapi.spec.response import OpenAPIResponse
from litestar.types import Receive, Scope, Send

from engine import __version__
from engine.errors import CallerFault
from engine.server.access import caller_fault, http_fault, named
from engine.server.admin import config, reload, sql
from engine.server.discovery import models
from engine.server.inference import Inference
from engine.server.monitoring import health, metrics, ready
from engine.server.service import Service
from engine.values import Surface

__all__ = ["CHAT_PATHS", "chat_lanes", "create", "inference"]

CHAT_PATHS = ["/v1/chat/completions", "/chat/completions"]


def chat_lanes(chat: Inference) -> Mapping[bytes, Inference]:
    """The paths of chat completions, for `GatewayProtocol`."""
    return {path.encode(): chat for path in CHAT_PATHS}


def inference(service: Service) -> Inference:
    """Chat completions, as application and lane share them."""
    return Inference(
        surface=Surface.CHAT,
        gateway=service.gateway,
        current=service.current,
        log=service.log,
        body_limit_bytes=service.body_limit_bytes,
        trusted_proxies=service.trusted_proxies,
    )


def create(service: Service, chat: Inference) -> Litestar:
    """The ASGI application of one worker."""

    @asgi(CHAT_PATHS, copy_scope=False)
    async def chat_completions(scope: Scope, receive: Receive, send: Send) -> None:
        await chat(scope, receive, send)

    app = Litestar(
        route_handlers=[chat_completions, models, health, ready, metrics, config, reload, sql],
        exception_handlers={CallerFault: caller_fault, HTTPException: http_fault},
        openapi_config=OpenAPIConfig(title="engine", version=__version__, use_handler_docstrings=True),
        after_request=named(service),
        state=State({"service": service}),
        request_max_body_size=service.body_limit_bytes,
        logging_config=None,
    )
    _document_chat(app)
    return app


def _document_chat(app: Litestar) -> None:
    """Bare ASGI handlers do not reach the OpenAPI document by themselves."""
    paths = app.openapi_schema.paths
    assert paths is not None
    for path in CHAT_PATHS:
        paths[path] = PathItem(post=_chat_operation(path))


def _chat_operation(path: str) -> Operation:
    body = Schema(
        type=OpenAPIType.OBJECT,
        required=["model", "messages"],
        properties={
            "model": Schema(type=OpenAPIType.STRING, description="a name from /v1/models, or a pin model@provider"),
            "messages": Schema(type=OpenAPIType.ARRAY, items=Schema(type=OpenAPIType.OBJECT)),
            "stream": Schema(type=OpenAPIType.BOOLEAN, default=False),
        },
        description="OpenAI's chat completion request; fields that are not named here pass through.",
    )
    return Operation(
        operation_id="ChatCompletions" if path.startswith("/v1") else "ChatCompletionsShort",
        tags=["inference"],
        summary="Chat completion, as OpenAI defines it",
        description="Answered whole, or as server-sent events when `stream` is true.",
        request_body=RequestBody(content={"application/json": OpenAPIMediaType(schema=body)}, required=True),
        responses={
            "200": OpenAPIResponse(
                description="the provider's answer",
                content={
                    "application/json": OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT)),
                    "text/event-stream": OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)),
                },
            ),
            "default": OpenAPIResponse(
                description="OpenAI's error object",
                content={"application/json": OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT))},
            ),
        },
    )
