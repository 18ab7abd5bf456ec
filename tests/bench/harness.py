"""What every measurement needs: processes on a core of their own, their CPU and memory, and load from the rig.

Only processes that were started here are looked at or ended, and everything listens on loopback.
"""

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parent.parent
CORES = sorted(os.sched_getaffinity(0))
GATEWAY_CORES = frozenset(CORES[:1])
RIG_CORES = frozenset(CORES[1:2] or CORES[:1])
ALL_CORES = frozenset(CORES)
END_S = 15.0
"""What a process gets to end by itself before it is killed."""


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


class Silent:
    """A log that nobody reads."""

    def info(self, event: str, /, **fields: object) -> None:
        pass

    def error(self, event: str, /, **fields: object) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Burst:
    """What the rig saw in one run of load."""

    requests: int
    failed: int
    seconds: float
    p50_us: int
    p99_us: int
    max_us: int

    @property
    def per_s(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the rig is told to do."""

    port: int
    connections: int
    seconds: float
    key: str
    model: str
    per_s: float = 0.0
    """Requests a second over all connections; 0 asks as fast as it is answered."""
    stream: bool = False

    def words(self) -> list[str]:
        """The rig's arguments."""
        shape = "stream" if self.stream else "plain"
        numbers = (self.port, self.connections, self.seconds, self.per_s)
        return ["load", *map(str, numbers), self.key, self.model, shape]


def compiled_rig(directory: Path) -> Path:
    """The rig as a program, compiled into *directory*. Raises BenchError without a C compiler."""
    program = directory / "rig"
    try:
        subprocess.run(["cc", "-O2", "-o", program, HERE / "rig" / "rig.c"], check=True, timeout=60)
    except (FileNotFoundError, subprocess.CalledProcessError) as exc:
        raise BenchError("the rig needs a C compiler named cc") from exc
    return program


def run(rig: Path, load: Load, cores: Iterable[int] = RIG_CORES) -> Burst:
    """Ask for *load* and wait until it is over."""
    return burst(begin(rig, load, cores), load.seconds)


def begin(rig: Path, load: Load, cores: Iterable[int] = RIG_CORES) -> subprocess.Popen[bytes]:
    """The rig at work; `burst` waits for it. SIGTERM ends it sooner, with what it has seen so far."""
    with on_cores(cores):
        return subprocess.Popen([rig, *load.words()], stdout=subprocess.PIPE)


def burst(process: subprocess.Popen[bytes], seconds: float) -> Burst:
    """What the rig has seen, once it is done."""
    out, _ = process.communicate(timeout=seconds + END_S)
    if process.returncode != 0:
        raise BenchError(f"the rig ended with {process.returncode}")
    return Burst(**json.loads(out))


@contextmanager
def on_cores(cores: Iterable[int]) -> Iterator[None]:
    """What is started inside runs on *cores*, and so do its children."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(cores))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def process(
    command: Sequence[str | Path],
    *,
    cores: Iterable[int] = GATEWAY_CORES,
    log: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A program that runs meanwhile, its output in *log* or nowhere; asked to end, then made to."""
    with (log or Path(os.devnull)).open("ab") as out, on_cores(cores):
        started = subprocess.Popen(command, stdout=out, stderr=out, env=environ, cwd=REPOSITORY)
    try:
        yield started
    finally:
        end(started)


def end(started: subprocess.Popen[bytes], seconds: float = END_S) -> int:
    """Its exit code, after SIGTERM; SIGKILL when that is not enough."""
    if started.poll() is None:
        started.send_signal(signal.SIGTERM)
    try:
        return started.wait(seconds)
    except subprocess.TimeoutExpired:
        for pid in tree(started.pid):
            os.kill(pid, signal.SIGKILL)
        return started.wait(seconds)


def tree(pid: int) -> list[int]:
    """A process and all that descend from it, itself first; those that end meanwhile are left out."""
    found = [pid]
    for parent in found:
        try:
            children = Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii")
        except OSError:
            continue
        found.extend(int(child) for child in children.split())
    return found


def runs(pid: int, word: str) -> bool:
    """Whether *word* is on the command line of the process."""
    try:
        return word.encode() in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False


def cpu_us(pids: Iterable[int]) -> float:
    """Microseconds that all threads of these processes have run."""
    return sum(_thread_ns(file) for pid in pids for file in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e3


def _thread_ns(schedstat: Path) -> int:
    """Nanoseconds on a processor: the first figure; 0 for a thread that has ended."""
    try:
        return int(schedstat.read_text(encoding="ascii").split()[0])
    except OSError:
        return 0


def memory_mib(pid: int) -> tuple[float, float]:
    """(RSS, PSS) of a process, MiB: PSS counts a page shared with n others as 1/n."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    kib = {line.partition(":")[0]: int(line.split()[1]) for line in lines[1:]}
    return kib["Rss"] / 1024, kib["Pss"] / 1024


def free_port() -> int:
    """A port of 127.0.0.1 that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def listens(port: int) -> bool:
    """Whether somebody takes connections there."""
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def fetched(url: str, key: str = "", *, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of a GET, or of a POST of *body*; (0, b"") where nobody answers."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(url, headers=headers, data=body, method="POST" if body is not None else "GET")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read()
    except OSError:
        return 0, b""


def wait_until(holds: Callable[[], bool], what: str, seconds: float = 30.0, *, every_s: float = 0.02) -> None:
    """Return once it holds. Raises BenchError when it does not in time."""
    until = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > until:
            raise BenchError(f"not within {seconds:.0f} s: {what}")
        time.sleep(every_s)


@contextmanager
def workspace() -> Iterator[Path]:
    """A directory that is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="engine-bench-") as name:
        yield Path(name)
