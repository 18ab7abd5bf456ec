"""The sandbox over HTTP: an ASGI application for whoever wants to point another program at it."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import msgspec

from engine.gateway.ports import Clock
from engine.sandbox.provider import Scripts
from engine.sandbox.script import MODELS, PATHS, Ending, Script, Step, refusal
from engine.values import Headers

__all__ = ["SandboxApp"]

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

MOST_BODY_BYTES = 32 * 1024 * 1024
STALL_S = 3_600.0
"""How long a stalled answer is kept open, unless the caller hangs up before."""

MODELS_PATH = "/models"


class SandboxApp:
    """`POST` at the paths of the script and `GET /models`, with and without `/v1`. Any credential will do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._scripts = Scripts(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, for as long as the caller listens.

        An answer that is to break off returns early, upon which the server closes the connection. The head always goes
        out before: without one the server would answer 500 by itself.
        """
        body = await _body(receive)
        played = self._played(scope["method"], scope["path"], body, list(scope["headers"]))
        playing, gone = asyncio.ensure_future(self._play(played, send)), asyncio.ensure_future(_hangup(receive))
        try:
            await asyncio.wait((playing, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            playing.cancel()
            gone.cancel()
        if playing.done():
            playing.result()  # raises what it raised

    async def _play(self, played: Script, send: Send) -> None:
        await self._clock.sleep(played.head_pause_s)
        await send({"type": "http.response.start", "status": played.status, "headers": list(played.headers)})
        await send({"type": "http.response.body", "body": b"", "more_body": True})
        for step in played.steps:
            await self._clock.sleep(step.pause_s)
            await send({"type": "http.response.body", "body": step.data, "more_body": True})
        if played.ending is Ending.STALL:
            await self._clock.sleep(STALL_S)
        if played.ending is Ending.END:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _played(self, method: str, path: str, body: bytes | None, headers: Headers) -> Script:
        if body is None:
            return refusal(413, "request_too_large", f"the body is larger than {MOST_BODY_BYTES} bytes")
        below = path.removeprefix("/v1")
        if method == "POST" and below in PATHS:
            return self._scripts.script(below, body, headers)
        if method == "GET" and below == MODELS_PATH:
            return _models()
        return refusal(404, "not_found", f"there is no {method} {path[:200]} here")


async def _body(receive: Receive) -> bytes | None:
    """The request's body; None when it is too large."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > MOST_BODY_BYTES:
            return None
        if not message.get("more_body"):
            return b"".join(parts)


async def _hangup(receive: Receive) -> None:
    """Return when the caller has gone; what is left of a body that is too large is read and forgotten."""
    while (await receive())["type"] != "http.disconnect":
        pass


def _models() -> Script:
    models = [{"id": name, "object": "model", "created": 0, "owned_by": "sandbox"} for name in MODELS]
    body = msgspec.json.encode({"object": "list", "data": models})
    return Script(status=200, headers=((b"content-type", b"application/json"),), steps=(Step(0.0, body),))
