"""One batch of what journals hold on its way into the database: newline JSON files, one a kind of row.

Requests and attempts are most of it. Their lines go from the journal into their files as they are.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from engine.values import ConfigRecord, EventRecord, RequestRecord

__all__ = ["Batch"]

KINDS = ("requests", "attempts", "configs", "events", "models", "providers", "prices", "positions", "unreadable")
"""The files that `load.sql` and `load_rest.sql` read; all of them exist, most of them are empty."""
USAGE_KINDS = frozenset({"requests", "attempts"})
DECLARED = ("models", "providers", "prices")
REQUEST = b'{"type":"%b",' % str(RequestRecord.__struct_config__.tag).encode()
"""How the payload begins that has a request in its first line, and its attempts in the others."""

decode_other = msgspec.json.Decoder(ConfigRecord | EventRecord).decode
decode_declared = msgspec.msgpack.Decoder(list[dict[str, Any]]).decode
encode_lines = msgspec.json.Encoder().encode_lines


class Batch:
    """Collects records and the positions they were read up to; `write` puts them where `load.sql` reads them."""

    def __init__(self) -> None:
        self.records = 0
        self.positions: dict[str, int] = {}
        """Segment → bytes of it that are in this batch or an earlier one."""
        self._lines = {kind: bytearray() for kind in KINDS}
        self._prices: dict[object, list[object]] = {}

    @property
    def is_usage_alone(self) -> bool:
        """Whether it holds requests and attempts, and nothing else."""
        return not any(self._lines[kind] for kind in KINDS if kind not in USAGE_KINDS)

    def add(self, payload: bytes) -> None:
        """Take in what one frame holds; those of a writer in the order of its journal.

        Raises:
            msgspec.DecodeError: it holds no record that is known here, or one that cannot be read; nothing was taken.
        """
        if payload.startswith(REQUEST):
            request, _, attempts = payload.partition(b"\n")
            self._lines["requests"] += request + b"\n"
            self._lines["attempts"] += attempts
        else:
            match decode_other(payload):
                case ConfigRecord() as record:
                    self._config(record)
                case EventRecord():
                    self._lines["events"] += payload
        self.records += 1

    def reject(self, segment: str, byte_offset: int, reason: str) -> None:
        """Note a frame that held no record, by where it ends."""
        self._lines["unreadable"] += _lines({"segment": segment, "byte_offset": byte_offset, "reason": reason})

    def refused(self, reason: str) -> "Batch":
        """The same batch without its records, which are noted as unreadable."""
        noted = Batch()
        noted.positions = self.positions
        for segment, byte_offset in self.positions.items():
            noted.reject(segment, byte_offset, reason)
        return noted

    def write(self, directory: Path) -> None:
        """Write one file a kind, replacing those of the batch before."""
        lines = self._lines | {
            "prices": _lines(*(row for period in self._prices.values() for row in period)),
            "positions": _lines(*({"segment": s, "byte_offset": offset} for s, offset in self.positions.items())),
        }
        directory.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            _write_over(directory / f"{kind}.ndjson", lines[kind])

    def _config(self, record: ConfigRecord) -> None:
        declared = decode_declared(record.models) if record.models else []
        self._lines["configs"] += _lines(replace(record, models=b""))
        if declared:
            self._declare(declared, record.config_hash)

    def _declare(self, declared: Sequence[Mapping[str, object]], config_hash: str) -> None:
        """What a loaded configuration declares: of models and providers the last counts, prices add up."""
        rows = {
            kind: [{**row, "config_hash": config_hash} for row in declared if row["table"] == kind] for kind in DECLARED
        }
        self._lines["models"] = _lines(*rows["models"])
        self._lines["providers"] = _lines(*rows["providers"])
        periods: dict[object, list[object]] = {}
        for row in rows["prices"]:
            periods.setdefault(row["price_id"], []).append(row)
        self._prices |= periods


def _lines(*rows: object) -> bytearray:
    return bytearray(encode_lines(rows))


def _write_over(path: Path, data: bytearray) -> None:
    """As `write_bytes`, into the room that the file has: giving it back and taking it again is dear."""
    path.touch()
    with path.open("r+b") as file:
        file.write(data)
        file.truncate()
