"""Cells, and what they came to."""

from __future__ import annotations

import msgspec


class Cell(msgspec.Struct, frozen=True, order=True):
    """One training."""

    seed: int
    task: str
    optimizer: str
    depth: int
    rule: str
    """Names of rules joined by `+`, or `none`."""

    def __str__(self) -> str:
        return f"{self.task} {self.optimizer} d={self.depth} {self.rule} seed {self.seed}"

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
