"""One batch of journal records on its way into the database: files of newline-delimited JSON, one per kind.

A line has a record's fields by name, with its counts in nested objects as in the journal. Attempts have lines of their
own, since DuckDB takes three times as long to extract them from their requests.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import astuple

from engine.values import NOTHING, AttemptRecord, ConfigRecord, EventRecord, Record, RequestRecord

__all__ = ["USUAL", "Batch"]

KINDS = ("requests", "attempts", "configs", "events", "models", "providers", "prices", "positions", "unreadable")
"""The files that `load.sql` and `load_rest.sql` read; all of them exist, most of them are empty."""
USAGE_KINDS = frozenset({"requests", "attempts"})
DECLARED = ("models", "providers", "prices")
USUAL: dict[str, Any] = {
    **dict.fromkeys(
        ("stream", "has_tools", "has_images", "has_audio", "has_files", "wants_json", "reasoning", "unlisted"), False
    ),
    **dict.fromkeys(("end_user", "trace_id", "config_git_rev", "upstream_request_id", "error_detail"), ""),
    **{key: {} for key in ("tags", "headers", "metadata")},
    "dropped_params": (),
}
"""Values that usage rows leave out although they are not None: most rows have them, they would be a third of the bytes,
and `load.sql` puts them back."""

GROUP_ROWS = 32
"""Encoded at a time, while they are in the processor's cache: a batch kept as objects costs 2 µs more per row."""

decode_declared = msgspec.msgpack.Decoder(list[dict[str, Any]]).decode
encode_lines = msgspec.json.Encoder(enc_hook=dict).encode_lines


def _rows(name: str, *keys: str, usual: Mapping[str, Any] = NOTHING) -> Callable[..., Any]:
    """Makes rows of one kind from their values, in the order of the keys.

    A line leaves out every key that has its usual value: the one in *usual*, or else None.
    """
    return msgspec.defstruct(name, [(key, object, usual.get(key)) for key in keys], omit_defaults=True, gc=False)


request_row = _rows("RequestRow", *RequestRecord.__struct_fields__, usual=USUAL)
attempt_row = _rows("AttemptRow", "request_id", "at", *AttemptRecord.__struct_fields__, usual=USUAL)
config_row = _rows("ConfigRow", *ConfigRecord.__struct_fields__)
event_row = _rows("EventRow", *EventRecord.__struct_fields__)


class Batch:
    """Collects records and the positions they were read up to; `write` puts them where `load.sql` reads them."""

    def __init__(self) -> None:
        self.records = 0
        self.positions: dict[str, int] = {}
        """Segment → bytes of it that are in this batch or an earlier one."""
        self._lines = {kind: _Lines() for kind in KINDS}
        self._prices: dict[object, list[object]] = {}

    @property
    def is_usage_alone(self) -> bool:
        """Whether it holds requests and attempts, and nothing else."""
        return not any(self._lines[kind] for kind in KINDS if kind not in USAGE_KINDS)

    def add(self, record: Record) -> None:
        """Take one record in; a writer's records come in the order of its journal.

        Raises:
            msgspec.DecodeError: what it declares cannot be read; nothing of it was taken.
        """
        match record:
            case RequestRecord():
                self._request(record)
            case ConfigRecord():
                self._config(record)
            case EventRecord():
                self._lines["events"].append(event_row(*astuple(record)))
        self.records += 1

    def reject(self, segment: str, byte_offset: int, reason: str) -> None:
        """Note a frame that held no record, by where it ends."""
        self._lines["unreadable"].append({"segment": segment, "byte_offset": byte_offset, "reason": reason})

    def refused(self, reason: str) -> "Batch":
        """The same batch without its records, which are noted as unreadable."""
        noted = Batch()
        noted.positions = self.positions
        for segment, byte_offset in self.positions.items():
            noted.reject(segment, byte_offset, reason)
        return noted

    def write(self, directory: Path) -> None:
        """Write one file per kind, replacing those of the previous batch."""
        lines = self._lines | {
            "prices": _Lines(row for period in self._prices.values() for row in period),
            "positions": _Lines({"segment": s, "byte_offset": offset} for s, offset in self.positions.items()),
        }
        directory.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            _write_over(directory / f"{kind}.ndjson", lines[kind].encoded())

    def _request(self, record: RequestRecord) -> None:
        row = request_row(*astuple(record))
        row.attempts = None
        self._lines["requests"].append(row)
        for attempt in record.attempts:
            self._lines["attempts"].append(attempt_row(record.request_id, record.at, *astuple(attempt)))

    def _config(self, record: ConfigRecord) -> None:
        declared = decode_declared(record.models) if record.models else []
        row = config_row(*astuple(record))
        row.models = None
        self._lines["configs"].append(row)
        if declared:
            self._declare(declared, record.config_hash)

    def _declare(self, declared: Sequence[Mapping[str, object]], config_hash: str) -> None:
        """Take in what a loaded configuration declares: models and providers replace earlier ones, prices add up."""
        rows = {
            kind: [{**row, "config_hash": config_hash} for row in declared if row["table"] == kind] for kind in DECLARED
        }
        self._lines["models"] = _Lines(rows["models"])
        self._lines["providers"] = _Lines(rows["providers"])
        periods: dict[object, list[object]] = {}
        for row in rows["prices"]:
            periods.setdefault(row["price_id"], []).append(row)
        self._prices |= periods


class _Lines:
    """The rows of one kind."""

    def __init__(self, rows: Iterable[object] = ()) -> None:
        self._rows = list(rows)
        self._encoded = bytearray()

    def __bool__(self) -> bool:
        return bool(self._rows or self._encoded)

    def append(self, row: object) -> None:
        """Take one more row in."""
        self._rows.append(row)
        if len(self._rows) == GROUP_ROWS:
            self.encoded()

    def encoded(self) -> bytearray:
        """All of them, one line each."""
        self._encoded += encode_lines(self._rows)
        self._rows.clear()
        return self._encoded


def _write_over(path: Path, data: bytes | bytearray) -> None:
    """Overwrites in place: truncating first would free the file's blocks and allocate them again."""
    path.touch()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
