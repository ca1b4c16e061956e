"""Who is told how a comparison gets on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from splitrun.study.arms import Arm
    from splitrun.study.quality import Scores
    from splitrun.study.timed_arm import TimedArm, Trial


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
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Every timed_arm has had a trial; these are all so far.

        Args:
            trials: of every timed_arm.
            elapsed_s: seconds of timing so far.
            budget_s: how many there are at most; None where a number of rounds was asked for.
        """
