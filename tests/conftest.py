"""What every test folder shares: golden files and an environment that holds nothing of the machine's own."""

import asyncio
import os
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is the machine's affair.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

CLEANED_SUFFIXES = ("_API_KEY", "_PROXY", "_proxy")
CLEANED_PREFIXES = ("ENGINE_", "SSL_CERT_")
CLEANED = ("COLUMNS", "FORCE_COLOR", "NO_COLOR", "PY_COLORS", "TERMINAL_WIDTH", "TERM", "GITHUB_ACTIONS")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite golden files with what the code says now")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """`golden(path, text)`: *text* equals the file's content; `pytest --update-golden` writes it instead."""

    def compare(path: Path, text: str) -> None:
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.exists(), f"{path} is missing: run pytest --update-golden and review what it wrote"
        assert text == path.read_text(encoding="utf-8")

    return compare


def _is_foreign(name: str) -> bool:
    return name in CLEANED or name.startswith(CLEANED_PREFIXES) or name.endswith(CLEANED_SUFFIXES)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No variable of the machine reaches a test, and nothing a test starts writes into the home directory."""
    before = dict(os.environ)
    for name in [name for name in os.environ if _is_foreign(name)]:
        del os.environ[name]
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.getbasetemp() / "cache")
    yield
    os.environ.clear()
    os.environ.update(before)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
async def loopback() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts real servers on 127.0.0.1, which misbehave as they like until the end of the test.

    Asked for a server with a handler, it gives the port; with *tls* it speaks that. A handler has a connection to
    itself, which is closed when it returns.
    """
    servers: list[asyncio.Server] = []
    tasks: set[asyncio.Task[None]] = set()

    async def carry(handler: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with suppress(OSError, EOFError):
                await handler(reader, writer)
            writer.close()
        except asyncio.CancelledError:
            writer.transport.abort()
            raise

    async def serve(handler: Handler, tls: ssl.SSLContext | None = None) -> int:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(carry(handler, reader, writer))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield serve
    for server in servers:
        server.close()
    for task in tuple(tasks):
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for _ in range(3):  # transports close their sockets in the turn after they were told to
        await asyncio.sleep(0)
