"""A batch on its way into the database."""

import json
from collections.abc import Callable
from pathlib import Path

from engine.store.batch import KINDS, Batch
from engine.values import ConfigRecord, Measures, RequestRecord, Usage


def lines(folder: Path, kind: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / f"{kind}.ndjson").read_text().splitlines()]


def test_every_file_is_written_and_replaced(tmp_path: Path, make_request: Callable[..., RequestRecord]) -> None:
    """A batch never sees rows of the one before it, not even of kinds that it has none of."""
    first = Batch()
    first.add(make_request())
    first.positions["w1/1"] = 700
    first.write(tmp_path)
    assert [row["request_id"] for row in lines(tmp_path, "requests")] == ["r000001"]
    assert lines(tmp_path, "positions") == [{"segment": "w1/1", "byte_offset": 700}]
    Batch().write(tmp_path)
    assert {kind: lines(tmp_path, kind) for kind in KINDS} == {kind: [] for kind in KINDS}


def test_a_row_has_what_is_known_and_not_usual(tmp_path: Path, make_request: Callable[..., RequestRecord]) -> None:
    """Counts of tokens that are not 0, measures whole, attempts as rows of their own; what is not known is no key."""
    batch = Batch()
    batch.add(make_request(usage=Usage(input=3, reasoning=4), measures=Measures(images=2), reasoning=True))
    batch.add(make_request(usage=None, attempts=()))
    batch.write(tmp_path)
    used, unused = lines(tmp_path, "requests")
    assert used["usage"] == {"input": 3, "reasoning": 4}
    assert used["measures"] == {"images": 2, "audio_ms": 0, "characters": 0, "search_units": 0}
    assert used["reasoning"] is True
    assert not {"stream", "attempts"} & set(used)
    assert not {"usage", "measures", "max_tokens"} & set(unused)
    (attempt,) = lines(tmp_path, "attempts")
    assert (attempt["request_id"], attempt["at"], attempt["n"]) == ("r000001", used["at"], 1)
    assert attempt["usage"] == {"input": 100, "output": 20}


def test_of_two_configurations_the_last_declares(tmp_path: Path, make_config: Callable[..., ConfigRecord]) -> None:
    """Models are those of the last; a price that both declare is the last one's, with all of its tiers and no other."""

    def declared(*tiers: int) -> tuple[dict[str, object], ...]:
        prices = ({"table": "prices", "price_id": "p", "above_input_tokens": tier} for tier in tiers)
        return ({"table": "models", "model": f"m{len(tiers)}"}, *prices)

    batch = Batch()
    batch.add(make_config(declared(0, 100), config_hash="h1"))
    batch.add(make_config(declared(0), config_hash="h2"))
    batch.write(tmp_path)
    assert lines(tmp_path, "models") == [{"table": "models", "model": "m1", "config_hash": "h2"}]
    assert [(row["above_input_tokens"], row["config_hash"]) for row in lines(tmp_path, "prices")] == [(0, "h2")]


def test_a_refused_batch_moves_on_without_its_records(
    tmp_path: Path, make_request: Callable[..., RequestRecord]
) -> None:
    """What cannot be loaded is noted by its place and reason, and its position is passed."""
    batch = Batch()
    batch.add(make_request())
    batch.positions["w1/1"] = 700
    batch.refused("too large").write(tmp_path)
    assert lines(tmp_path, "requests") == []
    assert lines(tmp_path, "positions") == [{"segment": "w1/1", "byte_offset": 700}]
    assert lines(tmp_path, "unreadable") == [{"segment": "w1/1", "byte_offset": 700, "reason": "too large"}]
