"""Frames of records in files: whole or torn, however they were cut."""

import mmap
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.segments import (
    BLOCK_BYTES,
    HEAD,
    MAGIC,
    Unreadable,
    create,
    encode,
    extent,
    is_finished,
    next_whole,
    read,
    segments,
    torn_bytes,
    unread_bytes,
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


def frame(payload: bytes) -> bytes:
    return HEAD.pack(len(payload), crc32(payload)) + payload


def frames_of(records: list[Record]) -> list[bytes]:
    return [frame(encode(record)) for record in records]


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
    """A tail of zeros, as file systems and killed writers leave it, is not taken for empty records by anybody."""
    path = tmp_path / "1.jnl"
    (end,) = write(path, frames_of([make_request()]))
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert [offset for _, offset in read(path)] == [end]
    assert extent(path, len(MAGIC)) == (1, end - len(MAGIC))
    assert extent(path, end) == (0, 0)
    assert unread_bytes(path, end) == 0
    assert torn_bytes(path, end) == 0


@pytest.mark.parametrize("copied", [1, 100, -1], ids=["its first byte", "some of it", "all of it"])
def test_a_payload_without_its_head_is_no_frame(tmp_path: Path, make_request: MakeRequest, copied: int) -> None:
    """A writer killed before it payload a head has written nothing, but something torn that is to be said."""
    path = tmp_path / "1.jnl"
    (end,) = write(path, frames_of([make_request()]))
    payload = encode(make_request())[:copied]
    with path.open("ab") as file:
        file.write(bytes(HEAD.size) + payload + bytes(4096))
    assert [offset for _, offset in read(path)] == [end]
    assert extent(path, len(MAGIC)) == (1, end - len(MAGIC))
    assert torn_bytes(path, end) == HEAD.size + len(payload.rstrip(b"\0"))


@pytest.mark.parametrize("size", [BLOCK_BYTES - 300, BLOCK_BYTES, 3 * BLOCK_BYTES])
def test_frames_are_read_whole_wherever_blocks_end(tmp_path: Path, make_request: MakeRequest, size: int) -> None:
    """Neither a frame across the end of what is read at a time nor one larger than it stops the reading."""
    path = tmp_path / "1.jnl"
    records: list[Record] = []
    for _ in range(3):
        records += [make_request(decision="x" * size), make_request()]
    ends = write(path, frames_of(records))
    assert list(read(path)) == list(zip(records, ends, strict=True))
    assert list(read(path, ends[2])) == list(zip(records[3:], ends[3:], strict=True))


def test_a_reader_beside_the_writer_sees_whole_frames_only(tmp_path: Path) -> None:
    """A map that is written to while it is read gives a prefix of the records, and in the end all of them."""
    path = tmp_path / "1.jnl"
    records: list[Record] = [event({"n": str(n) * 2000}) for n in range(300)]
    frames = frames_of(records)
    path.write_bytes(MAGIC + bytes(sum(map(len, frames))))

    def store() -> None:
        with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as pages:
            position = len(MAGIC)
            for written in frames:
                pages[position + HEAD.size : position + len(written)] = written[HEAD.size :]
                pages[position : position + HEAD.size] = written[: HEAD.size]
                position += len(written)

    writer = threading.Thread(target=store)
    writer.start()
    seen: list[Record | Unreadable] = []
    offset = 0
    while writer.is_alive() or len(seen) < len(records):
        for record, end in read(path, offset):
            seen.append(record)
            offset = end
    writer.join()
    assert seen == records


def test_a_segment_of_another_version_is_one_unreadable_whole(tmp_path: Path, make_request: MakeRequest) -> None:
    """What another version wrote is said once, not a frame at a time, and again only when there is more of it."""
    path = tmp_path / "1.jnl"
    path.write_bytes(b"engjnl1\n" + b"".join(frames_of([make_request(), make_request()])))
    ((whole, end),) = read(path)
    assert whole == Unreadable(r"a segment of another version: b'engjnl1\n'")
    assert end == path.stat().st_size
    assert list(read(path, end)) == []


def test_a_segment_without_its_beginning_is_empty(tmp_path: Path, make_request: MakeRequest) -> None:
    """A power cut may keep the length of a new file and nothing of its content."""
    path = tmp_path / "1.jnl"
    path.write_bytes(bytes(8192))
    assert list(read(path)) == []


def test_a_frame_of_another_version_is_stepped_over(tmp_path: Path, make_request: MakeRequest) -> None:
    """An unknown tag or a record without its fields is reported with its reason; those after it are read."""
    good = make_request()
    write(tmp_path / "1.jnl", [frame(b"\x92\xa1z\x01"), frame(b"\x92\xa1r\xa2r1"), *frames_of([good])])
    unknown, incomplete, last = [record for record, _ in read(tmp_path / "1.jnl")]
    assert unknown == Unreadable("Invalid value 'z' - at `$[0]`")
    assert incomplete == Unreadable("Expected `array` of at least length 45, got 2")
    assert last == good


def test_numbers_rise_and_sort(tmp_path: Path) -> None:
    """A new segment comes after all others, ten after nine."""
    for _ in range(11):
        os.close(create(tmp_path, 4096))
    assert [segment.number for segment in segments(tmp_path)] == list(range(1, 12))
    assert list(tmp_path.glob(".new*")) == []


def test_a_segment_is_finished_with_a_successor_and_without_a_writer(tmp_path: Path) -> None:
    """The newest segment may always grow, and an older one as long as its writer lives."""
    first, second = create(tmp_path, 4096), create(tmp_path, 4096)
    older, newest = segments(tmp_path)
    os.close(second)
    assert not is_finished(newest, newest)
    assert not is_finished(older, newest)
    os.close(first)
    assert is_finished(older, newest)
    assert older.id == f"{tmp_path.name}/1"


@given(spot=st.integers(min_value=0), bit=st.integers(0, 7), cut=st.integers(0, 100))
def test_whole_frames_are_found_beyond_damage(spot: int, bit: int, cut: int) -> None:
    """A flipped bit anywhere hides its own frame only; a torn end is no frame, whatever it holds."""
    records: list[Record] = [event({"n": "\x92\xa1e" * 40}) for _ in range(4)]
    frames = frames_of(records)
    body = bytearray(b"".join(frames)[: -1 - cut])
    hit = spot % len(frames[0])
    body[hit] ^= 1 << bit
    with NamedTemporaryFile(suffix=".jnl") as file:
        file.write(MAGIC + body)
        file.flush()
        assert next_whole(Path(file.name), len(MAGIC)) == len(MAGIC) + len(frames[0])
        assert next_whole(Path(file.name), len(MAGIC) + sum(map(len, frames[:3]))) is None
