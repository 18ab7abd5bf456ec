"""What a caller may ask for."""

from typing import Any

import msgspec
from litestar import Request, Response, get

from engine.rules.names import names_for
from engine.rules.program import Program
from engine.server.access import caller_of
from engine.server.service import Service

__all__ = ["ModelEntry", "ModelList", "models"]


class ModelEntry(msgspec.Struct, frozen=True):
    """One name that this caller may ask for."""

    id: str
    owned_by: str
    """`engine` for a virtual model or alias, else the organisation of the canonical model."""
    object: str = "model"
    created: int = 0
    """Not known: 0, because typed clients demand a number."""


class ModelList(msgspec.Struct, frozen=True):
    """OpenAI's list of models."""

    data: list[ModelEntry]
    object: str = "list"


@get("/v1/models", summary="The names this caller may ask for, virtual models first", tags=["discovery"])
async def models(request: Request[Any, Any, Any]) -> Response[ModelList]:
    """Exactly the names that a chat completion of this caller would accept, virtual models first."""
    service: Service = request.app.state.service
    program = service.current.snapshot.program
    names = names_for(program, caller_of(request, service))
    return Response(ModelList(data=[ModelEntry(id=name, owned_by=_owner(program, name)) for name in names]))


def _owner(program: Program, name: str) -> str:
    org, slash, _ = name.partition("/")
    return org if slash and name not in program.virtual and name not in program.aliases else "engine"
