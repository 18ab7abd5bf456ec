"""One address for all workers, and never by accident for two gateways."""

import socket
from contextlib import ExitStack

import pytest

from engine.live.sockets import CannotListen, listen


def test_every_worker_has_the_same_address() -> None:
    """Port 0 is one free port for all; each socket takes connections."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(each) for each in listen("127.0.0.1", 0, 3)]
        addresses = {each.getsockname() for each in sockets}
        with socket.create_connection(next(iter(addresses)), timeout=5):
            pass

    assert len(addresses) == 1


def test_a_taken_port_is_refused() -> None:
    """A second gateway on the same port is told so, though the kernel would let both share it."""
    with ExitStack() as stack:
        first = [stack.enter_context(each) for each in listen("127.0.0.1", 0, 2)]
        port = first[0].getsockname()[1]

        with pytest.raises(CannotListen, match=f"cannot listen on 127.0.0.1:{port}"):
            listen("127.0.0.1", port, 1)
