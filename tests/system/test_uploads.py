"""Large uploads on the whole system: every byte arrives, again at the next provider, and none stays in memory."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from tests.forms import open_below

MIB = 1 << 20
FILES = """
id: {id}
name: {id}
protocol: openai
base_url: http://127.0.0.1:{port}/{id}
allow_private: [127.0.0.0/8]
transport: {transport}
auth: {{scheme: none}}
models:
  u/ear: {{upstream: {id}-ear, input: [audio], surfaces: [transcriptions], price: free}}
"""
ROUTES = """
version: 1
defaults:
  providers: [busy, cut, plain]
  retry: {attempts: 1, backoff: 1ms..2ms}
  deadline: 60s
"""
ANSWER = b'{"text":"hello","usage":{"type":"duration","seconds":3}}'

seen: list[tuple[str, dict[str, str], bytes]] = []


class Provider(BaseHTTPRequestHandler):
    """`busy` refuses what it has read, `cut` breaks off in the middle of it, the others answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = int(self.headers["content-length"])
        if self.path.startswith("/cut"):
            self.rfile.read(length // 2)
            self.close_connection = True
            return
        seen.append(
            (
                self.path.split("/")[1],
                {name.lower(): value for name, value in self.headers.items()},
                self.rfile.read(length),
            )
        )
        self.send_response(503 if self.path.startswith("/busy") else 200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
        pass


def file(name: str, port: int, transport: str = "own") -> str:
    return FILES.format(id=name, port=port, transport=transport)


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """Where the providers listen."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_port
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def gateway(make_gateway: Callable[..., Any], port: int) -> Iterator[Any]:
    files = {f"providers.d/{name}.yaml": file(name, port) for name in ("busy", "cut", "plain")}
    theirs = {"providers.d/theirs.yaml": file("theirs", port, "httpx")}
    gateway = make_gateway({**files, **theirs, "routes.yaml": ROUTES}, "--workers", "1")
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.fixture
def upload(gateway: Any, key: str) -> Callable[[str, bytes], httpx.Response]:
    def upload(model: str, sound: bytes) -> httpx.Response:
        return httpx.post(
            f"{gateway.url}/v1/audio/transcriptions",
            data={"language": "de"},
            files=[("file", ("a.wav", sound)), ("model", (None, model)), ("prompt", (None, "x"))],
            headers={"authorization": f"Bearer {key}"},
            timeout=60,
        )

    seen.clear()
    return upload


@pytest.fixture
def worker(gateway: Any) -> Path:
    """The folder of the only worker among the system's processes."""
    parent = gateway.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    [found] = [pid for pid in children if b"_worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    return Path(f"/proc/{found}")


def figure(worker: Path, name: str) -> int:
    """A line of the process's status, which is in KiB, in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB$", (worker / "status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) << 10


@pytest.mark.parametrize("provider", ["plain", "theirs"])
def test_a_large_upload_is_not_held_in_memory(
    gateway: Any, worker: Path, upload: Callable[..., httpx.Response], until: Callable[..., None], provider: str
) -> None:
    """48 MiB go through a worker that grows by less than 16 MiB, and arrive as they were sent."""
    sound = Random(48).randbytes(48 * MIB)
    assert upload(f"u/ear@{provider}", sound[:MIB]).status_code == 200  # what is made once is made
    seen.clear()
    (worker / "clear_refs").write_text("5")  # the peak begins anew
    before = figure(worker, "VmHWM")
    answer = upload(f"u/ear@{provider}", sound)
    grown = figure(worker, "VmHWM") - before
    [(_, headers, body)] = seen

    assert answer.json()["text"] == "hello"
    assert headers["content-length"] == str(len(body))
    assert sha256(body[body.index(sound[:64]) :][: len(sound)]).digest() == sha256(sound).digest()
    assert f"{provider}-ear".encode() in body
    assert grown < 16 * MIB, f"{grown / MIB:.1f} MiB"
    [row] = gateway.sql(
        "select r.status, r.provider, a.sent_bytes from requests r join attempts a using (request_id) "
        f"where a.provider = '{provider}' order by a.sent_bytes desc limit 1"
    )
    assert row == {"status": 200, "provider": provider, "sent_bytes": len(body)}
    until(lambda: open_below("/uploads/", worker) == [], "the file is closed")


def test_the_next_provider_gets_the_same_bytes(
    gateway: Any, worker: Path, upload: Callable[..., httpx.Response], until: Callable[..., None]
) -> None:
    """An upload that is refused once and cut off once is sent from its start to the third provider."""
    answer = upload("u/ear", Random(3).randbytes(3 * MIB))
    (first, _, refused), (second, _, taken) = seen

    assert (answer.status_code, answer.headers["x-engine-attempts"]) == (200, "3")
    assert (first, second) == ("busy", "plain")
    assert refused.replace(b"busy-ear", b"plain-ear") == taken
    until(lambda: open_below("/uploads/", worker) == [], "the file is closed")


def test_an_upload_is_heard_out(
    make_gateway: Callable[..., Any], port: int, key: str, until: Callable[..., None]
) -> None:
    """A worker that is to end takes the rest of an upload that has begun, and answers it."""
    gateway = make_gateway({"providers.d/plain.yaml": file("plain", port)}, "--workers", "1")
    gateway.start()
    form = httpx.Request(
        "POST", gateway.url, data={"model": "u/ear@plain"}, files={"file": ("a.wav", Random(1).randbytes(MIB))}
    )
    body = form.read()
    head = f"POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\n"
    head += f"content-type: {form.headers['content-type']}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as peer:
        peer.sendall(head.encode() + body[: MIB // 2])
        gateway.process.terminate()
        until(lambda: not gateway.is_ready, "it drains")
        peer.sendall(body[MIB // 2 :])
        answer = peer.recv(65_536)

    assert answer.startswith(b"HTTP/1.1 200")
    assert gateway.process.wait(15) == 0


def test_a_small_upload_needs_no_file(gateway: Any, upload: Callable[..., httpx.Response]) -> None:
    """What is small is answered even where nothing can be stored; what is large is a failure of ours, with its id."""
    folder = gateway.data / "uploads"
    folder.rmdir()  # which shows, too, that no name is left in it
    small, large = upload("u/ear@plain", b"x" * 1_000), upload("u/ear@plain", b"x" * MIB)
    folder.mkdir()

    assert small.status_code == 200
    assert (large.status_code, large.headers["x-request-id"] in gateway.log) == (500, True)
    assert upload("u/ear@plain", b"x" * MIB).status_code == 200
