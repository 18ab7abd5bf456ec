"""Listening sockets: one for each worker, all on the same address, so that a restarted worker keeps its queue."""

import socket

from engine.errors import EngineError

__all__ = ["CannotListen", "listen"]

BACKLOG = 2048
"""As uvicorn's own: connections that may wait while a worker is restarted."""


class CannotListen(EngineError):
    """The address is taken, or is not one of this machine's."""


def listen(host: str, port: int, count: int) -> tuple[socket.socket, ...]:
    """*count* sockets listening on *host*:*port*; port 0 takes a free one, the same for all.

    The kernel spreads new connections over them (`SO_REUSEPORT`).

    Raises:
        CannotListen: see there.
    """
    try:
        return _listen(host, port, count)
    except OSError as exc:
        raise CannotListen(f"cannot listen on {host}:{port}: {exc.strerror}") from exc
    except UnicodeError as exc:  # a label that IDNA cannot encode
        raise CannotListen(f"cannot listen on {host}:{port}: this is no host name") from exc


def _listen(host: str, port: int, count: int) -> tuple[socket.socket, ...]:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    probe = socket.socket(family, kind, protocol)
    with probe:
        # Two gateways must not share a port by accident, which SO_REUSEPORT would let them.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
        port = probe.getsockname()[1]
    sockets = []
    for _ in range(count):
        listener = socket.socket(family, kind, protocol)
        sockets.append(listener)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind((host, port, *address[2:]))
        listener.listen(BACKLOG)
    return tuple(sockets)
