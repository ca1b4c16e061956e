"""Who looks on while arms are compared or a grid is measured.

Nothing is drawn, or even taken in, while something is timed: a watcher is told between
measurements, and shown the events of those trainings alone of which no time is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from splitrun.events import Sink
from splitrun.plan import Plan
from splitrun.study.training import Recorder

if TYPE_CHECKING:
    from splitrun.study.arms import Arm
    from splitrun.study.bench.result import Results
    from splitrun.study.scoring import Scores
    from splitrun.study.timing import TimedArm, Trial


@dataclass(frozen=True)
class Course:
    """What a comparison is going to measure."""

    timed_arms: Sequence[TimedArm]
    metric: str
    seeds: int
    """Trainings of each arm."""
    budget_s: float
    """Seconds for the timing, at most."""
    repeats: int | None = None
    """Rounds of timing; None where the budget decides."""
    at_once: int = 1
    """Trainings; several run in other processes, and nobody sees their events."""

    @property
    def arms(self) -> Sequence[Arm]:
        """Each once, however many runtimes it is timed on."""
        return tuple(dict.fromkeys(each.arm for each in self.timed_arms))


class Watcher:
    """Is told how a comparison is getting on, between measurements; does nothing with it."""

    def begin(self, course: Course) -> None:
        """This is to be measured."""

    def tell(self, line: str) -> None:
        """What is happening now, or was decided."""

    def training(self, arm: Arm, plan: Plan, seed: int) -> Recorder | None:  # noqa: ARG002
        """An arm is about to be trained for its metric, which takes as long as it takes.

        Args:
            plan: of that training.
            seed: which one of the course's it is, from 1.

        Returns:
            Who is to see its events, if anybody.
        """
        return None

    def scored(self, arm: Arm, scores: Scores) -> None:
        """An arm has been trained once more; the last of its scores is the new one."""

    def left_out(self, arm: Arm, why: str) -> None:
        """An arm takes no further part."""

    def warming_up(self) -> None:
        """Every arm is about to be trained for some steps, before any trial."""

    def timing(self, timed_arm: TimedArm, done: int, elapsed_s: float) -> None:
        """A trial is about to be timed.

        Args:
            done: rounds.
            elapsed_s: seconds of timing so far.
        """

    def round(
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Every arm has had a trial; these are all so far.

        Args:
            trials: of every timed arm.
            elapsed_s: seconds of timing so far.
            budget_s: how many there are at most; None where a number of rounds was asked for.
        """

    def recording(
        self,
        timed_arm: TimedArm,  # noqa: ARG002
        number: int,  # noqa: ARG002
        count: int,  # noqa: ARG002
    ) -> Sequence[Sink]:
        """A trial is about to be recorded, of which no time is kept.

        Args:
            number: which one it is, from 1, of so many.

        Returns:
            Who is to see its events, too.
        """
        return ()


class BenchWatcher:
    """Is told how a grid is getting on, between measurements; does nothing with it."""

    def begin(self, results: Results) -> None:
        """Nothing is measured yet."""

    def cell(self, number: int) -> None:
        """A cell is about to be prepared and measured; the first one is 1."""

    def warming_up(self, plan: Plan) -> Recorder | None:  # noqa: ARG002
        """A cell is about to be trained once to warm up.

        Returns:
            Who is to see its events, if anybody.
        """
        return None

    def timing(self, trials: Sequence[Trial]) -> None:
        """A trial of the cell is about to be timed; these were before."""

    def done(self, results: Results) -> None:
        """The last of these cells is done."""
