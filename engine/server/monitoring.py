"""Is it alive, is it ready, how much does it do."""

from typing import Any

import msgspec
from litestar import Request, Response, get
from litestar.status_codes import HTTP_200_OK, HTTP_503_SERVICE_UNAVAILABLE

from engine.live.current import Status
from engine.server.access import needs
from engine.server.service import Service

__all__ = ["Health", "Readiness", "health", "metrics", "ready"]


class Health(msgspec.Struct, frozen=True):
    """The process answers."""

    status: str = "ok"


class Readiness(msgspec.Struct, frozen=True):
    """What this process serves, and how the last attempt to change it went."""

    ready: bool
    """False while it drains: send no new work here."""
    config_hash: str
    last_reload: str
    """`loaded`, `unchanged` or `refused`."""
    from_last_good: bool
    """The files were broken at the start; the last good configuration is served."""
    diagnostics: str
    """What `engine validate` prints for the files as they are; empty when it has nothing to say."""


@get("/health", summary="Liveness; touches nothing", tags=["monitoring"], security=[{}])
async def health() -> Health:
    """The process answers: nothing else is looked at."""
    return Health()


@get("/ready", summary="Readiness, with the state of the configuration", tags=["monitoring"], security=[{}])
async def ready(request: Request[Any, Any, Any]) -> Response[Readiness]:
    """200 while new work is welcome, 503 while draining. A refused reload does not make a node unready."""
    current = request.app.state.service.current
    status: Status = current.status
    body = Readiness(
        ready=not current.draining,
        config_hash=status.config_hash,
        last_reload=status.result,
        from_last_good=status.from_last_good,
        diagnostics=status.diagnostics,
    )
    return Response(body, status_code=HTTP_503_SERVICE_UNAVAILABLE if current.draining else HTTP_200_OK)


@get(
    "/metrics",
    summary="Prometheus metrics of all workers",
    tags=["monitoring"],
    guards=[needs("metrics.read")],
    media_type="text/plain",
)
async def metrics(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Counters of all workers of this host, merged. Needs `metrics.read`."""
    service: Service = request.app.state.service
    content_type, body = service.metrics()
    return Response(body, media_type=content_type)
