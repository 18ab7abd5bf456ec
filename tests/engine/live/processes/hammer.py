"""Adds 1 to a word of a board, under its lock, so many times. argv: path, word, times."""

import sys
from pathlib import Path

from engine.live.board import Board

board, word = Board(Path(sys.argv[1])), int(sys.argv[2])
for _ in range(int(sys.argv[3])):
    with board:
        board.words[word] += 1
