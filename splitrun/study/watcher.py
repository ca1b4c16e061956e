"""Who is told how a comparison gets on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from splitrun.study.arms import Arm
    from splitrun.study.entrant import Entrant, Turn
    from splitrun.study.quality import Scores


class Watcher:
    """Is told, and does nothing with it; between measurements, never during one."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing more comes."""

    def tell(self, line: str) -> None:
        """What is happening now, or was decided."""

    def scored(self, arm: Arm, scores: Scores) -> None:
        """An arm has been trained once more; the last of its scores is the new one."""

    def round(
        self, turns: Mapping[Entrant, Sequence[Turn]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Every entrant has had a turn; these are all so far.

        Args:
            turns: of every entrant.
            elapsed_s: seconds of timing so far.
            budget_s: how many there are at most; None where a number of rounds was asked for.
        """
