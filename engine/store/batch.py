"""One batch of journal records on its way into the database: newline JSON files, one a kind."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import msgspec

from engine.store.segments import Unreadable
from engine.values import ConfigRecord, EventRecord, Record, RequestRecord

__all__ = ["Batch", "Position"]

KINDS = ("requests", "configs", "events", "models", "providers", "prices", "positions", "unreadable")
"""The files that `load.sql` reads; all of them exist, most of them are empty."""
KIND_OF = MappingProxyType({RequestRecord: "requests", ConfigRecord: "configs", EventRecord: "events"})
DECLARED = ("models", "providers", "prices")

encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """How far a writer's journal is projected: everything before *byte_offset* of *segment*."""

    segment: int = 0
    byte_offset: int = 0


class Batch:
    """Collects records and the positions they were read up to; `write` puts them where `load.sql` reads them."""

    def __init__(self) -> None:
        self.records = 0
        self.positions: dict[str, Position] = {}
        self._lines: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
        self._prices: dict[object, list[bytes]] = {}

    def add(self, record: Record) -> None:
        """Take one record in; those of a writer in the order of its journal."""
        self.records += 1
        self._lines[KIND_OF[type(record)]].append(encode(record))
        if isinstance(record, ConfigRecord) and record.models:
            self._declare(record)

    def reject(self, writer: str, position: Position, unreadable: Unreadable) -> None:
        """Note a frame that held no record, by the position after it."""
        self._lines["unreadable"].append(encode(_row(writer, position) | {"reason": unreadable.reason}))

    def refused(self, reason: str) -> "Batch":
        """The same batch without its records, which are noted as unreadable."""
        noted = Batch()
        noted.positions = self.positions
        for writer, position in self.positions.items():
            noted.reject(writer, position, Unreadable(reason))
        return noted

    def write(self, directory: Path) -> None:
        """Write one file a kind, replacing those of the batch before."""
        lines = self._lines | {
            "prices": [line for period in self._prices.values() for line in period],
            "positions": [encode(_row(writer, position)) for writer, position in self.positions.items()],
        }
        directory.mkdir(parents=True, exist_ok=True)
        for kind in KINDS:
            (directory / f"{kind}.ndjson").write_bytes(b"\n".join(lines[kind]))

    def _declare(self, record: ConfigRecord) -> None:
        """What a loaded configuration declares: of models and providers the last counts, prices add up."""
        rows = {kind: [row for row in record.models if row["table"] == kind] for kind in DECLARED}
        encoded = {
            kind: [encode({**row, "config_hash": record.config_hash}) for row in rows[kind]] for kind in DECLARED
        }
        self._lines["models"] = encoded["models"]
        self._lines["providers"] = encoded["providers"]
        periods: dict[object, list[bytes]] = {}
        for row, line in zip(rows["prices"], encoded["prices"], strict=True):
            periods.setdefault(row["price_id"], []).append(line)
        self._prices |= periods


def _row(writer: str, position: Position) -> dict[str, object]:
    return {"writer": writer, "segment": position.segment, "byte_offset": position.byte_offset}
