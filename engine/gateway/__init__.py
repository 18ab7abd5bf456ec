"""The straight line: a request from its bytes to its journal record, and the ports it is drawn on."""

from engine.gateway.cork import Cork
from engine.gateway.exchange import NOTHING_SAID, Inbound, PathSays
from engine.gateway.line import Gateway
from engine.gateway.ports import (
    Admission,
    Answer,
    Call,
    Clock,
    Entropy,
    Journal,
    LiveState,
    Metrics,
    NoRoom,
    Sink,
    Upstream,
)
from engine.gateway.reply import head_fields

__all__ = [
    "NOTHING_SAID",
    "Admission",
    "Answer",
    "Call",
    "Clock",
    "Cork",
    "Entropy",
    "Gateway",
    "Inbound",
    "Journal",
    "LiveState",
    "Metrics",
    "NoRoom",
    "PathSays",
    "Sink",
    "Upstream",
    "head_fields",
]
