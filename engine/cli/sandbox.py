"""`engine sandbox`: the sandbox provider over HTTP."""

import rich_click as click
import uvicorn

from engine.cli.system import SystemClock
from engine.live.sockets import listen
from engine.sandbox.http import SandboxApp

__all__ = ["command"]

GRACE_S = 3
"""For answers in progress when the sandbox is told to stop, stalled ones among them. Docker kills after ten seconds."""


@click.command(
    epilog="Examples:\n\n    engine sandbox --port 4010\n\n"
    "    curl localhost:4010/v1/chat/completions -H 'x-sandbox-fault: 429 x2' "
    '-d \'{"model": "echo", "messages": [{"role": "user", "content": "hello"}]}\''
)
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=4010, show_default=True, type=click.IntRange(0, 65535), help="Port; 0 for a free one.")
def command(host: str, port: int) -> None:
    """Run the sandbox provider over HTTP, until it is interrupted.

    It speaks OpenAI's protocol for chats, embeddings and images, answers with an echo, a hash or stripes, and fails on
    request: the header x-sandbox-fault takes faults like `429 x2, reset after 5 chunks, stall after 5 chunks,
    malformed, slow first byte 3s`.
    """
    config = uvicorn.Config(
        SandboxApp(SystemClock()),
        host=host,
        port=port,
        lifespan="off",
        log_level="critical",  # an answer that breaks off on request is no error worth a line
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(config)
    (socket,) = listen(host, port, 1)  # before the address is told, so that nobody comes too early
    click.echo(f"sandbox on http://{host}:{socket.getsockname()[1]}/v1")
    server.run(sockets=[socket])
