"""One batch of journal records on its way into the database: newline JSON files, one a kind."""

from pathlib import Path
from types import MappingProxyType

import msgspec

from engine.values import ConfigRecord, EventRecord, Record, RequestRecord

__all__ = ["Batch"]

KINDS = ("requests", "configs", "events", "models", "providers", "prices", "positions", "unreadable")
"""The files that `load.sql` reads; all of them exist, most of them are empty."""
KIND_OF = MappingProxyType({RequestRecord: "requests", ConfigRecord: "configs", EventRecord: "events"})
DECLARED = ("models", "providers", "prices")

encode = msgspec.json.Encoder(enc_hook=dict).encode


class Batch:
    """Collects records and the positions they were read up to; `write` puts them where `load.sql` reads them."""

    def __init__(self) -> None:
        self.records = 0
        self.positions: dict[str, int] = {}
        """Segment → bytes of it that are in this batch or an earlier one."""
        self._lines: dict[str, list[bytes]] = {kind: [] for kind in KINDS}
        self._prices: dict[object, list[bytes]] = {}

    def add(self, record: Record) -> None:
        """Take one record in; those of a writer in the order of its journal."""
        self.records += 1
        self._lines[KIND_OF[type(record)]].append(encode(record))
        if isinstance(record, ConfigRecord) and record.models:
            self._declare(record)

    def reject(self, segment: str, byte_offset: int, reason: str) -> None:
        """Note a frame that held no record, by where it ends."""
        self._lines["unreadable"].append(encode({"segment": segment, "byte_offset": byte_offset, "reason": reason}))

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
            "prices": [line for period in self._prices.values() for line in period],
            "positions": [encode({"segment": s, "byte_offset": offset}) for s, offset in self.positions.items()],
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
