"""The compile subprocess is read whole, bounded, and never trusted to live."""

import os
import sys

import pytest

from engine.live.compiled import (
    NICENESS,
    Compiled,
    CompiledPart,
    CompileFailed,
    SecretNeed,
    compile_beside,
    decode,
    decode_known,
    encode,
)

COMPILED = Compiled(
    bundle_hash="b",
    git_rev="abc",
    files={"routes.yaml": b"\xff"},
    laid_over={"policies/demo.yaml": b"x"},
    problems=("routes.yaml:1:1: warning",),
    diagnostics="routes.yaml:1:1: warning",
    config_hash="c",
    parts=(CompiledPart("root", "d", b"\x80", ("retry-budget",)),),
    secrets=(SecretNeed("openai", "main", "env", "OPENAI_API_KEY", "providers.d/openai.yaml:3:1", False),),
    tables=b"\x91\x80",
)


def test_round_trip() -> None:
    """What is written is what is read; texts of files come out even where they are no UTF-8."""
    again = decode(encode(COMPILED))

    assert again == COMPILED
    assert again.texts == {"routes.yaml": "\ufffd", "policies/demo.yaml": "x"}


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_half_a_result_is_none(cut: int) -> None:
    """Output that was cut off is a failure of the process, not a smaller configuration."""
    with pytest.raises(CompileFailed):
        decode(encode(COMPILED)[:cut])


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("raise SystemExit('no such thing')", "status 1: no such thing"),
        ("import os; os.kill(os.getpid(), 9)", "status -9"),
        ("print('hello')", "cannot be read"),
        ("import time; time.sleep(60)", "longer than"),
    ],
)
async def test_a_process_that_fails(code: str, said: str) -> None:
    """Whatever becomes of the process is said in one line, in bounded time."""
    with pytest.raises(CompileFailed, match=said):
        await compile_beside([sys.executable, "-c", code], dict(os.environ), {}, timeout_s=2.0)


async def test_a_process_that_does_not_start() -> None:
    """An interpreter that is gone, or no more processes allowed, is a failure like any other."""
    with pytest.raises(CompileFailed, match="could not be started"):
        await compile_beside(["/nowhere/python"], dict(os.environ), {})


ECHO = """
import os, sys
from engine.live.compiled import Compiled, decode_known, encode
known = decode_known(sys.stdin.buffer.read())
bare = Compiled(bundle_hash=repr(known), git_rev=str(os.nice(0)), files={}, laid_over={}, problems=(), diagnostics="")
sys.stdout.buffer.write(encode(bare))
"""


async def test_what_the_process_is_told() -> None:
    """It learns which parts need not be sent, however many they are, and lets those who serve go first."""
    known = {f"provider/{n}": "d" * 64 for n in range(5_000)}
    told = await compile_beside([sys.executable, "-c", ECHO], dict(os.environ), known)

    assert told.bundle_hash == repr(known)
    assert int(told.git_rev) == min(os.nice(0) + NICENESS, 19)


def test_nothing_known() -> None:
    """Who runs it by hand has no parts."""
    assert decode_known(b"") == {}
