"""The application: every endpoint in one place, in one OpenAPI document."""

from collections.abc import Mapping
from types import MappingProxyType

from litestar import Litestar, asgi
from litestar.datastructures import State
from litestar.exceptions import HTTPException
from litestar.handlers import ASGIRouteHandler
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme
from litestar.types import Receive, Scope, Send

from engine import __version__
from engine.errors import CallerFault
from engine.server.access import caller_fault, http_fault, named, our_fault, unreadable
from engine.server.admin import config, reload, sql
from engine.server.discovery import models
from engine.server.inference import Inference
from engine.server.monitoring import health, metrics, ready
from engine.server.service import Service
from engine.server.surface_docs import document
from engine.server.surfaces import PATHS, ModelPaths
from engine.values import Surface

__all__ = ["create", "inferences", "lanes"]

Inferences = Mapping[Surface, Inference]


def inferences(service: Service) -> Inferences:
    """The endpoint of every surface, shared by application and lane."""
    return MappingProxyType(
        {
            surface: Inference(
                surface=surface,
                gateway=service.gateway,
                current=service.current,
                log=service.log,
                body_limit_bytes=service.body_limit_bytes,
                trusted_proxies=service.trusted_proxies,
                uploads=service.uploads,
            )
            for surface in Surface
        }
    )


def lanes(surfaces: Inferences) -> Mapping[bytes, Inference]:
    """The paths of surfaces, for `GatewayProtocol`."""
    return MappingProxyType({path.encode(): surfaces[surface] for path, surface in PATHS.items()})


def create(service: Service, surfaces: Inferences) -> ModelPaths:
    """The ASGI application of one worker."""
    app = Litestar(
        route_handlers=[
            *(_handler(path, surfaces[surface]) for path, surface in PATHS.items()),
            models,
            health,
            ready,
            metrics,
            config,
            reload,
            sql,
        ],
        exception_handlers={
            CallerFault: caller_fault,
            HTTPException: http_fault,
            UnicodeDecodeError: unreadable,
            RecursionError: unreadable,
            Exception: our_fault,
        },
        openapi_config=OpenAPIConfig(
            title="engine",
            version=__version__,
            use_handler_docstrings=True,
            components=Components(security_schemes={"key": SecurityScheme(type="http", scheme="bearer")}),
            security=[{"key": []}],
        ),
        after_request=named(service),
        state=State({"service": service}),
        request_max_body_size=service.body_limit_bytes,
        logging_config=None,
    )
    paths = app.openapi_schema.paths
    assert paths is not None
    document(paths)
    return ModelPaths(app, surfaces[Surface.GENERATE], surfaces[Surface.COUNT_GENERATE])


def _handler(path: str, inference: Inference) -> ASGIRouteHandler:
    @asgi(path, copy_scope=False)
    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        await inference(scope, receive, send)

    return answer
