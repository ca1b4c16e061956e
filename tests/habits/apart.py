"""A habit's cells, trained in a process of its own: one that hangs or crashes is a finding, too."""

from __future__ import annotations

import multiprocessing
import resource
from collections.abc import Iterator
from multiprocessing.connection import Connection

from tests.habits.habit import Habit
from tests.habits.matrix import COLUMNS, Cell, cells
from tests.habits.running import Bench

_LONGEST_S = 120.0
"""Of one cell: the longest trains for 1,000 steps."""
_MOST_BYTES = 32 << 30
"""Of addresses: endless recursion in a backward makes threads, and each has a stack."""


def cells_apart(bench: Bench, habit: Habit) -> Iterator[Cell]:
    """All of a habit's cells; where it broke, one that says so for every column that lacks some."""
    context = multiprocessing.get_context("fork")  # torch is loaded, and has not computed yet
    receiver, sender = context.Pipe(duplex=False)
    child = context.Process(target=_send_cells, args=(bench, habit, sender))
    child.start()
    sender.close()
    lacking, broke = list(COLUMNS), f"hangs for {_LONGEST_S:.0f} s"
    while receiver.poll(_LONGEST_S):
        try:
            cell: Cell | None = receiver.recv()
        except EOFError:
            child.join()
            broke = f"crashes its process, which ends with {child.exitcode}"
            break
        if cell is None:
            lacking = []
            break
        lacking = lacking[lacking.index(cell.column) :]
        yield cell
    child.kill()
    child.join()
    for column in lacking:
        yield Cell(habit, column, "the rest", broke)


def _send_cells(bench: Bench, habit: Habit, sender: Connection) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_MOST_BYTES, _MOST_BYTES))
    for cell in cells(bench, habit):
        sender.send(cell)
    sender.send(None)
