"""The three things that stand between the caller and the provider in turn: the gateway, a byte relay, nginx."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench import harness
from tests.bench.harness import GATEWAY_CORES, RIG_CORES, Burst, Load, cpu_us, process, tree
from tests.bench.roots import KEY, MODEL, write_small

EVENTS = 64
"""In the burst that the mock provider streams."""
NGINX = shutil.which("nginx") or "/usr/sbin/nginx"
NGINX_CONFIG = """\
daemon off;
master_process off;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    keepalive_requests 1000000000;
    upstream mock {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://mock;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
        }}
    }}
}}
"""


@dataclass(frozen=True, slots=True)
class Peer:
    """Something that answers on a port, and the process that stands for it."""

    name: str
    port: int
    pid: int

    def load(self, *, connections: int, seconds: float, per_s: float = 0.0, stream: bool = False) -> Load:
        """Load for this peer."""
        return Load(
            port=self.port,
            connections=connections,
            seconds=seconds,
            key=KEY,
            model=MODEL,
            per_s=per_s,
            stream=stream,
        )


@dataclass(frozen=True, slots=True)
class Gateway(Peer):
    """A running `engine serve`."""

    data: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def workers(self) -> list[int]:
        """Its serving processes."""
        return [pid for pid in tree(self.pid) if harness.runs(pid, "_worker")]

    @property
    def projectors(self) -> list[int]:
        """Its projecting process, as a list of none or one."""
        return [pid for pid in tree(self.pid) if harness.runs(pid, "project")]


@dataclass(frozen=True, slots=True)
class Sample:
    """One run of load against one peer."""

    burst: Burst
    cpu_us: float
    """Of all its processes but a projector, a request."""


def measured(rig: Path, peer: Peer, load: Load, cores: Iterable[int] = RIG_CORES) -> Sample:
    """What *load* costs *peer*. Raises BenchError when a request fails: a refusal is cheap."""
    beside = peer.projectors if isinstance(peer, Gateway) else []
    serving = set(tree(peer.pid)) - set(beside)
    before_us = cpu_us(serving)
    seen = harness.run(rig, load, cores)
    spent_us = cpu_us(serving) - before_us
    if seen.failed:
        raise harness.BenchError(f"{peer.name}: {seen.failed} of {seen.requests} requests failed")
    return Sample(seen, spent_us / seen.requests)


@contextmanager
def mock(rig: Path, cores: Iterable[int] = RIG_CORES) -> Iterator[Peer]:
    """The provider that answers at once."""
    port = harness.free_port()
    with process([rig, "mock", str(port), str(EVENTS)], cores=cores) as started:
        harness.wait_until(lambda: harness.listens(port), "the mock provider listens")
        yield Peer("no proxy", port, started.pid)


@contextmanager
def relay(upstream_port: int) -> Iterator[Peer]:
    """The bare byte relay."""
    port = harness.free_port()
    program = Path(__file__).with_name("relay.py")
    with process([sys.executable, program, str(port), str(upstream_port)]) as started:
        harness.wait_until(lambda: harness.listens(port), "the relay listens")
        yield Peer("relay", port, started.pid)


def has_nginx() -> bool:
    """Whether there is an nginx to compare with."""
    return Path(NGINX).exists()


@contextmanager
def nginx(upstream_port: int, directory: Path) -> Iterator[Peer | None]:
    """A plain reverse proxy with kept connections; None where nginx is not installed."""
    if not has_nginx():
        yield None
        return
    directory.mkdir()
    port, config = harness.free_port(), directory / "nginx.conf"
    config.write_text(NGINX_CONFIG.format(directory=directory, upstream=upstream_port, port=port), encoding="ascii")
    with process([NGINX, "-c", config, "-p", directory]) as started:
        harness.wait_until(lambda: harness.listens(port), "nginx listens")
        yield Peer("nginx", port, started.pid)


@contextmanager
def gateway(
    root: Path,
    *,
    workers: int = 1,
    cores: Iterable[int] = GATEWAY_CORES,
    words: Sequence[str] = (),
    ready_s: float = 60.0,
) -> Iterator[Gateway]:
    """`engine serve` over *root* with its data beside it."""
    port, data, log = harness.free_port(), root.with_name(f"{root.name}-data"), root.with_name(f"{root.name}.log")
    command: list[str | Path] = [sys.executable, "-m", "engine", "serve", "--config", root, "--data", data]
    command += ["--port", str(port), "--workers", str(workers), *words]
    with process(command, cores=cores, log=log, environ=os.environ | {"BENCH_SECRET": "sk-bench"}) as started:
        peer = Gateway("engine", port, started.pid, data, log, started)
        harness.wait_until(lambda: is_ready(peer), "the gateway is ready", ready_s)
        yield peer


def is_ready(peer: Gateway) -> bool:
    """Whether it serves. Raises BenchError with its last words when it has ended."""
    if peer.process.poll() is not None:
        raise harness.BenchError(f"engine serve ended: {peer.log.read_text(encoding='utf-8')[-2000:]}")
    return harness.fetched(f"{peer.url}/ready")[0] == 200


@contextmanager
def field(rig: Path, directory: Path) -> Iterator[tuple[Peer, Gateway, Peer, Peer | None]]:
    """(provider, gateway, relay, nginx), all running side by side, each idle until it is its turn."""
    with ExitStack() as stack:
        provider = stack.enter_context(mock(rig))
        root = directory / "root"
        write_small(root, provider.port)
        yield (
            provider,
            stack.enter_context(gateway(root)),
            stack.enter_context(relay(provider.port)),
            stack.enter_context(nginx(provider.port, directory / "nginx")),
        )
