"""The configuration that runs, reading it again, and SQL over usage."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import ResponseHeader

from engine.errors import BadRequest
from engine.live.current import Result, Status
from engine.server.access import needs
from engine.server.service import Service

__all__ = ["ConfigState", "Query", "config", "reload", "sql"]

TRUNCATED = "x-engine-truncated"


class ConfigState(msgspec.Struct, frozen=True):
    """Which configuration is served, and what became of the last attempt to change it."""

    config_hash: str
    bundle_hash: str
    git_rev: str
    loaded_at: str | None
    """When what is served was loaded, UTC."""
    tried_at: str | None
    """When the files were last read, UTC."""
    last_reload: str
    from_last_good: bool
    diagnostics: str
    previous: tuple[str, ...]
    """Config hashes served before, the newest first."""
    providers: dict[str, str]
    """Every provider: `ready`, `unconfigured: its secret is missing`, or `disabled: <reason>`."""


class Query(msgspec.Struct, frozen=True):
    """One SELECT over the usage catalog."""

    query: str


@get("/-/config", summary="The configuration that runs", tags=["operations"], guards=[needs("config.read")])
async def config(request: Request[Any, Any, Any]) -> ConfigState:
    """Hashes, git revision, diagnostics of the last reload, and the state of every provider. Needs `config.read`."""
    service: Service = request.app.state.service
    return _state(service, service.current.status)


@post(
    "/-/reload",
    summary="Read the configuration files again",
    tags=["operations"],
    guards=[needs("config.reload")],
    status_code=200,
)
async def reload(request: Request[Any, Any, Any]) -> Response[ConfigState]:
    """Compile the files and serve them; 422 with the diagnostics when they are refused. Needs `config.reload`."""
    service: Service = request.app.state.service
    status = await service.reload()
    return Response(_state(service, status), status_code=422 if status.result is Result.REFUSED else 200)


@post(
    "/v1/sql",
    summary="One SELECT over usage",
    tags=["operations"],
    guards=[needs("sql.query")],
    status_code=200,
    response_headers=[
        ResponseHeader(
            name=TRUNCATED,
            description="`1` where there were more rows than are answered; absent where these are all.",
            documentation_only=True,
        )
    ],
)
async def sql(request: Request[Any, Any, Any], data: Query) -> Response[bytes]:
    """The first 1000 rows as JSON, from a read-only process with bounded memory and time. Needs `sql.query`."""
    service: Service = request.app.state.service
    found = await service.query(data.query)
    if found.problem:
        raise BadRequest(found.problem, code="invalid_query", param="query")
    headers = {TRUNCATED: "1"} if found.truncated else {}
    return Response(found.rows, media_type="application/json", headers=headers)


def _state(service: Service, status: Status) -> ConfigState:
    providers = service.current.snapshot.program.providers.values()
    live = service.gateway.live
    return ConfigState(
        config_hash=status.config_hash,
        bundle_hash=status.bundle_hash,
        git_rev=status.git_rev,
        loaded_at=status.loaded_at.isoformat() if status.loaded_at else None,
        tried_at=status.tried_at.isoformat() if status.tried_at else None,
        last_reload=status.result,
        from_last_good=status.from_last_good,
        diagnostics=status.diagnostics,
        previous=status.previous,
        providers={p.id: _readiness(p.disabled, configured=live.configured(p)) for p in providers},
    )


def _readiness(disabled: str, *, configured: bool) -> str:
    if disabled:
        return f"disabled: {disabled}"
    return "ready" if configured else "unconfigured: its secret is missing"
