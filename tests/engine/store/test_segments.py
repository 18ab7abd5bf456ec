"""Frames of records in files: whole or torn, however they were cut."""

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from engine.store.segments import (
    HEAD,
    MAGIC,
    Encoder,
    Unreadable,
    create,
    is_finished,
    read,
    segments,
)
from engine.values import ConfigRecord, EventRecord, Record, RequestRecord

MakeRequest = Callable[..., RequestRecord]


def write(path: Path, frames: list[bytes]) -> list[int]:
    """The frames as a segment; the offsets at which they end."""
    path.write_bytes(MAGIC + b"".join(frames))
    ends, offset = [], len(MAGIC)
    for frame in frames:
        offset += len(frame)
        ends.append(offset)
    return ends


def frames_of(records: list[Record]) -> list[bytes]:
    encoder = Encoder()
    return [bytes(encoder.frame(record)) for record in records]


def event(detail: dict[str, str]) -> EventRecord:
    return EventRecord(
        record_id="e1", at=datetime.now(UTC), node="n", event="breaker_opened", subject="s", detail=detail
    )


def test_every_kind_of_record_comes_back_as_it_was(
    tmp_path: Path, make_request: MakeRequest, make_config: Callable[..., ConfigRecord]
) -> None:
    """What is read is equal to what was written, for requests, configurations and events."""
    records: list[Record] = [make_request(), make_config(), event({"a": "b"}), make_request(usage=None, attempts=())]
    ends = write(tmp_path / "1.jnl", frames_of(records))
    assert list(read(tmp_path / "1.jnl")) == list(zip(records, ends, strict=True))


def test_any_cut_leaves_the_whole_frames_before_it(tmp_path: Path, make_request: MakeRequest) -> None:
    """A file cut at any byte gives every frame that is whole and nothing of the one that is not."""
    path = tmp_path / "1.jnl"
    ends = write(path, frames_of([make_request(), make_request(), event({})]))
    whole = path.read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        assert [end for _, end in read(path)] == [end for end in ends if end <= length]


def test_a_growing_file_is_read_once_each(tmp_path: Path, make_request: MakeRequest) -> None:
    """A reader that comes back after every byte sees each record exactly once, in order."""
    path = tmp_path / "1.jnl"
    records = [make_request(), make_request(), make_request()]
    write(path, frames_of(list(records)))
    whole = path.read_bytes()
    path.write_bytes(b"")
    seen, offset = [], 0
    with path.open("ab", buffering=0) as file:
        for i in range(len(whole)):
            file.write(whole[i : i + 1])
            for record, end in read(path, offset):
                seen.append(record)
                offset = end
    assert seen == records


@given(spot=st.integers(min_value=0), bit=st.integers(0, 7))
def test_a_damaged_byte_ends_the_reading(spot: int, bit: int) -> None:
    """A flipped bit anywhere is noticed: what is read is what was written before the damage."""
    records: list[Record] = [event({"n": str(n)}) for n in range(3)]
    body = bytearray(b"".join(frames_of(records)))
    body[spot % len(body)] ^= 1 << bit
    with NamedTemporaryFile(suffix=".jnl") as file:
        file.write(MAGIC + body)
        file.flush()
        seen = [record for record, _ in read(Path(file.name))]
    assert seen == records[: len(seen)]
    assert len(seen) < len(records)


def test_zeros_after_a_power_cut_are_no_frame(tmp_path: Path, make_request: MakeRequest) -> None:
    """A tail of zeros, as file systems leave it, is not taken for empty records."""
    path = tmp_path / "1.jnl"
    (end,) = write(path, frames_of([make_request()]))
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert [offset for _, offset in read(path)] == [end]


def test_a_frame_of_another_version_is_stepped_over(tmp_path: Path, make_request: MakeRequest) -> None:
    """An unknown tag or a record without its fields is reported with its reason; those after it are read."""

    def raw(payload: bytes) -> bytes:
        return HEAD.pack(len(payload), crc32(payload)) + payload

    good = make_request()
    write(tmp_path / "1.jnl", [raw(b"z\x80"), raw(b"r\x80"), *frames_of([good])])
    unknown, incomplete, last = [record for record, _ in read(tmp_path / "1.jnl")]
    assert unknown == Unreadable("unknown tag b'z'")
    assert incomplete == Unreadable("Object missing required field `request_id`")
    assert last == good


def test_numbers_rise_and_sort(tmp_path: Path) -> None:
    """A new segment comes after all others, ten after nine."""
    for _ in range(11):
        os.close(create(tmp_path))
    assert [segment.number for segment in segments(tmp_path)] == list(range(1, 12))
    assert list(tmp_path.glob(".new*")) == []


def test_a_segment_is_finished_with_a_successor_and_without_a_writer(tmp_path: Path) -> None:
    """The newest segment may always grow, and an older one as long as its writer lives."""
    first, second = create(tmp_path), create(tmp_path)
    older, newest = segments(tmp_path)
    os.close(second)
    assert not is_finished(newest, newest)
    assert not is_finished(older, newest)
    os.close(first)
    assert is_finished(older, newest)
    assert older.id == f"{tmp_path.name}/1"
