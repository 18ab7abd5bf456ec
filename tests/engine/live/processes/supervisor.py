"""A supervisor for tests over the worker and the compiler beside this file; prints its port once it serves.

argv: configuration root, data directory, number of workers, further words (`exit-on-bad`, `allow-missing`).
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import msgspec

from engine.live.configuration import Source, StartRefused
from engine.live.supervisor import Settings, Supervisor
from engine.values import Record

HERE = Path(__file__).parent


class Journal:
    """Records as lines of JSON."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def append(self, record: Record) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(msgspec.structs.asdict(record)) + b"\n")


class Log:
    """Lines of JSON on stderr."""

    def info(self, event: str, /, **fields: object) -> None:
        sys.stderr.write(json.dumps({"event": event, **fields}, default=str) + "\n")

    warning = error = info


def said(port: int) -> None:
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()


def python(script: str, *words: object) -> list[str]:
    return [sys.executable, str(HERE / script), *map(str, words)]


async def main(root: Path, data: Path, workers: int, words: set[str]) -> None:
    settings = Settings(
        data=data,
        host="127.0.0.1",
        port=0,
        workers=workers,
        grace_s=5.0,
        environ=dict(os.environ),
        worker=lambda slot, listener, control: python("worker.py", slot, listener, control, data),
        projector=None,
        node="test",
    )
    source = Source(
        root=root,
        compile=lambda at: python("compile.py", at),
        environ=dict(os.environ),
        has_secret=lambda need: need.name in os.environ,
        exit_on_bad="exit-on-bad" in words,
        allow_missing_secrets="allow-missing" in words,
    )
    supervisor = Supervisor(
        settings,
        source,
        journal=Journal(data / "journal.jsonl"),
        log=Log(),
        serving=said,
    )
    await supervisor.run()


try:
    asyncio.run(main(Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), set(sys.argv[4:])))
except StartRefused as exc:
    sys.exit(f"refused: {exc}")
