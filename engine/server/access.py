"""Who may use an endpoint that is not inference: identification, permissions, and errors in the right shape."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.exceptions import HTTPException
from litestar.handlers import BaseRouteHandler

from engine.errors import BadRequest, Bug, CallerFault, Forbidden
from engine.rules.identify import identify
from engine.rules.program import Caller
from engine.server.inference import client_ip
from engine.server.service import Service
from engine.wire.openai_chat.error import error_body
from engine.wire.told import Told

__all__ = ["caller_fault", "caller_of", "http_fault", "named", "needs", "our_fault", "unreadable"]

CODES = {404: "unknown_path", 405: "method_not_allowed", 413: "request_too_large"}
"""Of faults that the framework finds, by status; the others are `bad_request`."""

Connection = ASGIConnection[Any, Any, Any, Any]


def caller_of(connection: Connection, service: Service) -> Caller:
    """Who asks. Raises Unauthorized or Forbidden as the inference endpoints do."""
    snapshot, at = service.current.snapshot, service.gateway.clock.now()
    headers, client = list(connection.scope["headers"]), connection.client
    ip = client_ip(client.host if client else "", headers, service.trusted_proxies)
    return identify(snapshot.callers, snapshot.anonymous, dict(headers), ip, at)


def needs(permission: str) -> Callable[[Connection, BaseRouteHandler], None]:
    """A guard that lets in only callers with *permission*."""

    def guard(connection: Connection, _: BaseRouteHandler) -> None:
        caller = caller_of(connection, connection.app.state.service)
        if permission not in caller.permissions:
            raise Forbidden(
                f"this needs the permission {permission!r}; add a role that has it to the consumer's `roles`",
                code="missing_permission",
            )

    return guard


def named(service: Service) -> Callable[[Response[Any]], Response[Any]]:
    """A hook that gives every answer a request id; inference's answers get theirs among the gateway's headers."""

    def name(response: Response[Any]) -> Response[Any]:
        response.headers.update(_naming(service.gateway.entropy.request_id()))
        return response

    return name


def caller_fault(request: Request[Any, Any, Any], fault: CallerFault) -> Response[bytes]:
    """The caller's fault: OpenAI's envelope on OpenAI's paths, RFC 9457 on the rest."""
    return _reply(request, fault.status, fault.type, fault.reason, fault.message, param=fault.param)


def our_fault(request: Request[Any, Any, Any], fault: Exception) -> Response[bytes]:
    """Ours: what happened is for the log alone, by the request id that the caller is told."""
    service: Service = request.app.state.service
    answer = _reply(request, Bug.status, Bug.type, Bug.code, "the gateway failed; the request id leads to why")
    why: dict[str, Any] = {"reason": str(fault)} if isinstance(fault, Bug) else {"exc_info": fault}
    service.log.error("request_failed", request_id=answer.headers["x-request-id"], **why)
    return answer


def unreadable(request: Request[Any, Any, Any], _: Exception) -> Response[bytes]:
    """What the framework stumbles over in a body: text that is no UTF-8, or too deep."""
    return _reply(request, BadRequest.status, BadRequest.type, "invalid_json", "the body cannot be read as JSON")


def http_fault(request: Request[Any, Any, Any], fault: HTTPException) -> Response[bytes]:
    """A fault that the framework found: an unknown path, a wrong method."""
    code = CODES.get(fault.status_code, "bad_request")
    answer = _reply(request, fault.status_code, "invalid_request_error", code, _sentence(request, fault))
    answer.headers.update({name: value for name, value in (fault.headers or {}).items() if name.lower() == "allow"})
    return answer


def _naming(request_id: str) -> dict[str, str]:
    return {"x-request-id": request_id, "request-id": request_id}


def _sentence(request: Request[Any, Any, Any], fault: HTTPException) -> str:
    if fault.status_code == 404:
        return f"there is nothing at {request.url.path}; the OpenAPI document at /schema lists every path"
    return "; ".join([fault.detail or "the request cannot be served", *_details(fault)])


def _details(fault: HTTPException) -> Iterator[str]:
    """What the framework found in a body, by key."""
    for one in fault.extra if isinstance(fault.extra, list) else ():
        yield f"{one.get('key', 'body')}: {one.get('message', '')}"


def _reply(
    request: Request[Any, Any, Any], status: int, kind: str, code: str, message: str, *, param: str | None = None
) -> Response[bytes]:
    service: Service = request.app.state.service
    request_id = service.gateway.entropy.request_id()
    headers = _naming(request_id) | {"x-should-retry": "false"}
    if request.url.path.startswith(("/v1/", "/chat/")):
        told = Told(status=status, type=kind, code=code, message=message, param=param, request_id=request_id)
        body = error_body(told)
        return Response(body, status_code=status, media_type="application/json", headers=headers)
    problem = {"title": code, "status": status, "detail": message, "code": code, "request_id": request_id}
    encoded = msgspec.json.encode(problem)
    return Response(encoded, status_code=status, media_type="application/problem+json", headers=headers)
