"""What `engine serve` tells a worker on its command line; everything else comes over the control socket."""

import msgspec

from engine.cli.logs import Format

__all__ = ["WorkerSettings"]


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """As JSON, the one argument of `engine _worker`."""

    slot: int
    workers: int
    listener: int
    """Descriptor of the listening socket."""
    control: int
    """Descriptor of the control socket."""
    data: str
    drain_delay_s: float
    """From SIGTERM until nothing more is accepted."""
    grace_s: float
    """From there until what still runs is cut."""
    node: str
    region: str
    max_body_bytes: int
    trusted_proxies: tuple[str, ...]
    """Networks."""
    log_format: Format
