"""A provider on loopback that answers each path with what stands for it, and remembers what came."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple

JSON = "application/json"


class Asked(NamedTuple):
    """A request that came."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def said(self) -> Any:
        """What its body says, as JSON."""
        return json.loads(self.body)


class Answering(NamedTuple):
    """A provider that is up."""

    port: int
    seen: list[Asked]


@contextmanager
def answering(answers: Mapping[str, Any]) -> Iterator[Answering]:
    """A provider with *answers*: path → a Content-Type and bytes, or what is sent as JSON."""
    seen: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            seen.append(Asked(self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            answer = answers[self.path]
            kind, data = answer if isinstance(answer, tuple) else (JSON, json.dumps(answer).encode())
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield Answering(server.server_port, seen)
    finally:
        server.shutdown()
        server.server_close()
