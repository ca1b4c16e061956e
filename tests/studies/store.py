"""What a study has trained, one JSON object a line, so that a stopped one goes on."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import msgspec


class Result(Protocol):
    """What a training came to."""

    @property
    def cell(self) -> Any:
        """Which training it was: it can be looked up and has a line of its own as text."""

    @property
    def score(self) -> float:
        """The metric on the held-out rows."""


CellT = TypeVar("CellT", bound=Hashable)
ResultT = TypeVar("ResultT", bound=Result)


class Store(Generic[CellT, ResultT]):
    """A file of cells that were trained; one that was interrupted goes on where it stopped."""

    def __init__(self, path: Path, kind: type[ResultT]) -> None:
        self._path = path
        self.found: dict[CellT, ResultT] = {}
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")[0]
            decoder = msgspec.json.Decoder(kind)
            self.found = {found.cell: found for found in map(decoder.decode, whole.splitlines())}
            path.write_bytes(whole + b"\n" if whole else b"")

    def add(self, found: ResultT) -> None:
        """Write one down."""
        self.found[found.cell] = found
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(found) + b"\n")

    def fill(
        self, cells: Iterable[CellT], train: Callable[[CellT], ResultT], processes: int = 1
    ) -> None:
        """Train what is missing of some cells, and tell of each on stderr.

        Args:
            train: for more processes than one it can be pickled.
        """
        missing = [cell for cell in cells if cell not in self.found]
        for count, found in enumerate(_trained(missing, train, processes), 1):
            self.add(found)
            told = f"{count}/{len(missing)} {found.cell}: {found.score:.4f}"
            print(told, file=sys.stderr, flush=True)


def _trained(
    missing: Sequence[CellT], train: Callable[[CellT], ResultT], processes: int
) -> Iterator[ResultT]:
    if processes == 1:
        yield from map(train, missing)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        yield from pool.map(train, missing)
