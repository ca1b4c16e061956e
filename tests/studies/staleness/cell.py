"""Cells and what they came to, one JSON object a line."""

from __future__ import annotations

from pathlib import Path

import msgspec


class Cell(msgspec.Struct, frozen=True, order=True):
    """One training."""

    seed: int
    task: str
    optimizer: str
    depth: int
    rule: str
    """Names of rules joined by `+`, or `none`."""

    def sequential(self) -> Cell:
        """What it is compared with."""
        return msgspec.structs.replace(self, depth=1, rule="none")


class Found(msgspec.Struct, frozen=True):
    """What a training came to."""

    cell: Cell
    score: float
    """The task's metric on the held-out rows; chance where the training diverged."""
    diverged: bool
    curve: list[float]
    """The metric at every evaluation."""
    losses: list[float]
    """Means of the training loss over ten steps each, where the task keeps them."""
    cpu_s: float


class Store:
    """A file of cells that were trained; one that was interrupted goes on where it stopped."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.found: dict[Cell, Found] = {}
        if path.exists():
            whole = path.read_bytes().rpartition(b"\n")[0]
            decoder = msgspec.json.Decoder(Found)
            self.found = {found.cell: found for found in map(decoder.decode, whole.splitlines())}
            path.write_bytes(whole + b"\n" if whole else b"")

    def add(self, found: Found) -> None:
        """Write one down."""
        self.found[found.cell] = found
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(found) + b"\n")
