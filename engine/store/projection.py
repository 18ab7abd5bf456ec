"""The projector's process: projects as records come, publishes every minute, and whenever it is asked to.

It is asked through a socket in the data directory: `publish` is answered with the instant up to which the catalog is
then complete. One thread does everything in turns, so whoever asks waits at most one batch for its turn.
"""

import os
import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.store.election import elected
from engine.store.layout import Layout
from engine.store.log import Log
from engine.store.projector import Projector

__all__ = ["PUBLISH", "PUBLISH_S", "Stop", "address", "bring_up_to_date", "run"]

PUBLISH = b"publish\n"
PUBLISH_S = 60.0
"""Analysts who need it fresher ask."""
POLL_S = 10.0
"""How long a row may be only in the journal: a batch costs 15 ms, however small. Whoever asks need not wait so long."""
STANDBY_S = 1.0
CLIENT_S = 1.0
"""The most that a client can hold up projecting."""


@dataclass(frozen=True, slots=True)
class Stop:
    """What ends the projector."""

    asked: socket.socket
    """Readable once the projector has been asked to end."""
    orphaned: Callable[[], bool] = lambda: False
    """Whether nobody is left who could ask it to end."""


def run(layout: Layout, stop: Stop, *, log: Log, publish_s: float = PUBLISH_S) -> None:
    """Project and publish until *stop*; then once more, and return.

    While another process projects this data directory, stand by for it.
    """
    waiting = False
    while True:
        with elected(layout.lock) as ours:
            if ours:
                log.info("projector_started", data=str(layout.data))
                with Projector(layout, log=log) as projector, _listening(layout.socket) as listener:
                    _work(projector, listener, stop, log, publish_s)
                return
        if not waiting:
            log.info("projector_stands_by", data=str(layout.data))
            waiting = True
        if stop.orphaned() or _readable(stop.asked, STANDBY_S):
            return


def bring_up_to_date(layout: Layout, *, log: Log) -> datetime | None:
    """Project and publish once, here; the instant the catalog is complete up to. None: another process projects."""
    with elected(layout.lock) as ours:
        if not ours:
            return None
        with Projector(layout, log=log) as projector:
            return _refresh(projector)


def _work(projector: Projector, listener: socket.socket, stop: Stop, log: Log, publish_s: float) -> None:
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(stop.asked, selectors.EVENT_READ)
        due_s = time.monotonic()
        while True:
            caught_up = projector.project()
            if time.monotonic() >= due_s:
                projector.publish()
                projector.sweep()
                due_s = time.monotonic() + publish_s
            ready = [key.fileobj for key, _ in selector.select(POLL_S if caught_up else 0)]
            if stop.asked in ready or stop.orphaned():
                break
            if listener in ready:
                _answer(listener, projector, log)
    _refresh(projector)
    log.info("projector_stopped")


def _refresh(projector: Projector) -> datetime:
    projector.catch_up()
    return projector.publish()


def _answer(listener: socket.socket, projector: Projector, log: Log) -> None:
    """Serve one client; what is wrong with it is its own affair."""
    try:
        client, _ = listener.accept()
        with client:
            client.settimeout(CLIENT_S)
            if client.recv(len(PUBLISH)) == PUBLISH:
                client.sendall(f"{_refresh(projector).isoformat()}\n".encode())
    except OSError as exc:
        log.info("projector_client_left", error=str(exc))


def address(socket_path: Path) -> str:
    """The path in the shorter of its two forms, absolute or from here: a socket's path has at most 107 bytes."""
    return min(str(socket_path), os.path.relpath(socket_path), key=len)


@contextmanager
def _listening(path: Path) -> Iterator[socket.socket]:
    """A socket at *path*, for the owner of the data directory alone. Only the holder of the lock makes one."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address(path))
        path.chmod(0o600)
        listener.listen()
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _readable(asked: socket.socket, timeout_s: float) -> bool:
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        return bool(selector.select(timeout_s))
