import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn

from engine.cli.system import SystemClock
from engine.sandbox.http import SandboxApp

BODY = {"model": "instant", "messages": [{"role": "user", "content": "hello"}]}


@asynccontextmanager
async def sandbox() -> AsyncIterator[httpx.AsyncClient]:
    """A client of a sandbox on loopback."""
    config = uvicorn.Config(SandboxApp(SystemClock()), port=0, lifespan="off", log_level="critical")
    server = uvicorn.Server(config)
    socket = config.bind_socket()
    serving = asyncio.create_task(server.serve(sockets=[socket]))
    try:
        base_url = f"http://127.0.0.1:{socket.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=base_url, timeout=10, trust_env=False) as client:
            yield client
    finally:
        server.should_exit = True
        await asyncio.wait_for(serving, 10)
        socket.close()


async def test_the_sandbox_over_http() -> None:
    """It answers whole and streamed, lists its models, and says of other paths that they are not there."""
    async with sandbox() as client:
        whole = await client.post("/v1/chat/completions", json=BODY)
        assert whole.json()["choices"][0]["message"]["content"] == "You said: hello"
        streamed = await client.post("/chat/completions", json=BODY | {"stream": True})
        assert streamed.text.endswith("data: [DONE]\n\n")
        listed = (await client.get("/v1/models")).json()["data"]
        assert [model["id"] for model in listed] == ["echo", "slow", "instant", "embedding", "image"]
        vectors = await client.post("/v1/embeddings", json={"model": "embedding", "input": "hello"})
        assert len(vectors.json()["data"]) == 1
        pictures = await client.post("/images/generations", json={"model": "image", "prompt": "hello"})
        assert len(pictures.json()["data"]) == 1
        assert (await client.get("/v1/embeddings")).status_code == 404


async def test_faults_over_http() -> None:
    """Statuses are counted by credential; a reset ends the connection before the answer does."""
    async with sandbox() as client:

        async def status(key: str) -> int:
            headers = {"authorization": f"Bearer {key}", "x-sandbox-fault": "429 x1"}
            return (await client.post("/v1/chat/completions", json=BODY, headers=headers)).status_code

        assert [await status("a"), await status("b"), await status("a")] == [429, 429, 200]
        for fault in ("reset", "reset after 2 chunks"):
            with pytest.raises(httpx.RemoteProtocolError):
                await client.post(
                    "/v1/chat/completions", json=BODY | {"stream": True}, headers={"x-sandbox-fault": fault}
                )


@pytest.mark.parametrize("fault", ["stall after 2 chunks", "slow first byte 3600s"])
async def test_a_pause_ends_when_the_caller_hangs_up(fault: str) -> None:
    """Nothing is waited for on behalf of a caller who has gone: the server can end at once."""
    body, headers = BODY | {"stream": True}, {"x-sandbox-fault": fault}
    async with sandbox() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post("/v1/chat/completions", json=body, headers=headers, timeout=0.2)
