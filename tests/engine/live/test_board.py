"""The board keeps what it was told: over processes, kills, reloads and restarts of a supervisor, not over boots."""

import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.errors import Bug
from engine.live.board import COLUMNS, Board, Directory, first_column, state_word, zero_column

HAMMER = Path(__file__).parent / "processes" / "hammer.py"
TIMES = 20_000


def hammer(path: Path, word: int, times: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, str(HAMMER), str(path), str(word), str(times)])


def test_two_processes_lose_no_write(board: Board, tmp_path: Path) -> None:
    """Whatever is written under the lock is exact, with two processes at it."""
    word = state_word(3)
    processes = [hammer(tmp_path / "board", word, TIMES) for _ in range(2)]

    assert [process.wait(30) for process in processes] == [0, 0]
    assert board.words[word] == 2 * TIMES


def test_a_killed_holder_blocks_nobody(board: Board, tmp_path: Path) -> None:
    """The kernel releases the lock of a process that is killed while it writes."""
    word = state_word(3)
    process = hammer(tmp_path / "board", word, 100_000_000)
    deadline = time.monotonic() + 20
    while board.words[word] < 100 and time.monotonic() < deadline:
        time.sleep(0.01)
    process.kill()
    process.wait(20)
    with board:
        seen = board.words[word]

    assert seen >= 100


def test_names_keep_their_slots(board: Board) -> None:
    """A name has one slot as long as it is in use, also for the next supervisor; two names never share one."""
    first = Directory(board).assign(["provider/a", "provider/b"])
    again = Directory(board).assign(["provider/b", "provider/c", "provider/a"])

    assert again.items() >= first.items()
    assert len(set(again.values())) == 3


def test_unused_slots_are_emptied_and_given_again(board: Board) -> None:
    """What a configuration no longer names starts from nothing when it comes back."""
    directory = Directory(board)
    slots = directory.assign(["provider/a", "provider/b"])
    for slot in slots.values():
        board.doubles[state_word(slot)] = 5.0
    directory.retain(["provider/a"])
    again = directory.assign(["provider/b"])

    assert board.doubles[state_word(slots["provider/a"])] == 5.0
    assert board.doubles[state_word(again["provider/b"])] == 0.0


def test_state_outlives_the_supervisor(tmp_path: Path) -> None:
    """A board of this boot is taken over as it is."""
    with contextlib.closing(Board.create(tmp_path / "board")) as board:
        slot = Directory(board).assign(["provider/a"])["provider/a"]
        board.doubles[state_word(slot)] = 5.0
    with contextlib.closing(Board.create(tmp_path / "board")) as board:
        again = Directory(board).assign(["provider/a"])["provider/a"]

        assert board.doubles[state_word(again)] == 5.0


def test_a_board_of_another_boot_is_thrown_away(tmp_path: Path) -> None:
    """Its instants mean nothing any more."""
    with contextlib.closing(Board.create(tmp_path / "board")) as board:
        Directory(board).assign(["provider/a"])
        board.bytes[16:20] = b"gone"
    with contextlib.closing(Board.create(tmp_path / "board")) as board:
        assert not Directory(board)._taken


def test_what_is_no_board_is_refused(tmp_path: Path) -> None:
    """A worker does not write into a file that it does not know."""
    (tmp_path / "board").write_bytes(b"something else" * 1000)

    with pytest.raises(Bug):
        Board(tmp_path / "board")


def test_a_column_is_forgotten_alone(board: Board) -> None:
    """What a dead worker had in flight is zeroed; its neighbours' counts stay, and so does the next slot."""
    slots = Directory(board).assign(["inflight/a", "inflight/b"])
    for slot in slots.values():
        for column in range(COLUMNS):
            board.columns[first_column(slot) + column] = 7
    zero_column(board, [slots["inflight/a"]], 1)
    counts = {name: list(board.columns[(at := first_column(slot)) : at + COLUMNS]) for name, slot in slots.items()}

    assert counts == {"inflight/a": [7, 0, *[7] * (COLUMNS - 2)], "inflight/b": [7] * COLUMNS}
