import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.request import Request, urlopen

BODY = b'{"model": "instant", "stream": true, "messages": [{"role": "user", "content": "hello"}]}'


@contextmanager
def sandbox() -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running `engine sandbox`, and its base URL."""
    command = [sys.executable, "-m", "engine", "sandbox", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process, process.stdout.readline().split()[-1]
        finally:
            process.kill()


def stalled(url: str) -> Request:
    return Request(f"{url}/chat/completions", data=BODY, headers={"x-sandbox-fault": "stall after 2 chunks"})


def seconds_to_end(process: subprocess.Popen[str]) -> float:
    began_s = time.monotonic()
    process.terminate()
    assert process.wait(20) in (0, -signal.SIGTERM)
    return time.monotonic() - began_s


def test_the_command_serves() -> None:
    """`engine sandbox --port 0` says where it listens and answers there."""
    with sandbox() as (_, url), urlopen(Request(f"{url}/chat/completions", data=BODY), timeout=10) as answer:
        assert b"said" in answer.read()


def test_it_stops_after_a_caller_hung_up() -> None:
    """A stall whose caller has gone holds nothing up: SIGTERM ends the process at once."""
    with sandbox() as (process, url):
        with urlopen(stalled(url), timeout=10) as answer:
            assert answer.readline()
        assert seconds_to_end(process) < 2


def test_it_stops_while_a_caller_waits() -> None:
    """A stall whose caller still listens is given some seconds at SIGTERM, not its hour."""
    with sandbox() as (process, url), urlopen(stalled(url), timeout=20) as answer:
        assert answer.readline()
        assert seconds_to_end(process) < 10
