"""`python -m tests.habits [WORD ...]`: train every habit, or those whose name has a word in it, in
every way, and print the table of docs/modules.md; what isn't right goes to stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby

from tests.habits.apart import cells_apart
from tests.habits.catalogue import HABITS
from tests.habits.matrix import COLUMNS, Cell
from tests.habits.running import Bench


def main(words: Sequence[str]) -> int:
    """The number of habits of which something isn't as the catalogue has it."""
    habits = [it for it in HABITS if not words or any(word in str(it) for word in words)]
    wrong = []
    print(f"| module | from | {' | '.join(COLUMNS)} |")
    print("|---|---|" + "---|" * len(COLUMNS))
    with Bench.opened() as bench:
        for habit in habits:
            every = list(cells_apart(bench, habit))
            columns = [_word(each) for _, each in groupby(every, lambda it: it.column)]
            print(f"| `{habit}` | {_cell(habit.source)} | {' | '.join(columns)} |", flush=True)
            bad = [cell for cell in every if not cell.is_right]
            for told, ways in _by_what_was_told(bad).items():
                _tell(f"{habit}: {told}\n    {'; '.join(ways)}")
            if bad:
                silent = any(cell.is_silent for cell in bad)
                wrong.append(f"{habit}{' (silent)' if silent else ''}")
    _tell(f"{len(habits) - len(wrong)} of {len(habits)} habits are right")
    if wrong:
        _tell(f"wrong: {', '.join(wrong)}")
    return len(wrong)


def _cell(text: str) -> str:
    """As it can stand in a Markdown table."""
    return text.replace("|", "\\|")


def _word(each: Iterable[Cell]) -> str:
    """What came of all ways of a column; one word if they agree."""
    return " / ".join(dict.fromkeys(cell.word for cell in each))


def _by_what_was_told(bad: Iterable[Cell]) -> dict[str, list[str]]:
    """The ways in which a habit went wrong, by how."""
    ways: dict[str, list[str]] = {}
    for cell in bad:
        told = f"{cell.observed.partition(chr(10))[0]}, not {cell.outcome!r}"
        ways.setdefault(told, []).append(cell.way)
    return ways


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(min(1, main(sys.argv[1:])))
