"""Brings the catalog up to date: through the process that projects, or here when there is none."""

import socket
import time
from datetime import datetime

import duckdb

from engine.store.layout import Layout
from engine.store.log import Log
from engine.store.projection import PUBLISH, address, bring_up_to_date
from engine.store.projector import UsageUnlisted

__all__ = ["refresh"]

TIMEOUT_S = 30.0
RETRY_S = 0.1


def refresh(layout: Layout, *, log: Log, timeout_s: float = TIMEOUT_S) -> datetime | None:
    """The instant up to which the catalog is complete now. None: it is as it was, and the log says why.

    Either the projector did not answer in time, or there is none and this process cannot do its work: the disk is
    full, or its user may only read.
    """
    deadline_s = time.monotonic() + timeout_s
    try:
        while (left_s := deadline_s - time.monotonic()) > 0:
            if as_of := _ask(layout, left_s) or bring_up_to_date(layout, log=log):
                return as_of
            time.sleep(RETRY_S)
    except (OSError, duckdb.Error, UsageUnlisted) as exc:
        log.error("catalog_not_refreshed", reason=str(exc))  # noqa: TRY400 - structured
    else:
        log.error("catalog_not_refreshed", reason="the projector does not answer")
    return None


def _ask(layout: Layout, timeout_s: float) -> datetime | None:
    """The projector's answer; None when none listens, or it went away."""
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(timeout_s)
        try:
            client.connect(address(layout.socket))
            client.sendall(PUBLISH)
            answer = client.makefile().readline()
        except OSError:
            return None
    return datetime.fromisoformat(answer.strip()) if answer else None
