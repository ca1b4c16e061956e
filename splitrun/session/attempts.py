"""The attempts of one run, each shown and recorded; `supervised` makes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from splitrun.errors import RunFailed, SplitrunError
from splitrun.events import Emit, Sink
from splitrun.records.run import UNTYPED, Invocation, RunResult
from splitrun.session.prepare import Experiment
from splitrun.session.resume import Resume, find_restart
from splitrun.session.sinks import Warn
from splitrun.session.train import train
from splitrun.telemetry import JsonLines, Sampler


@dataclass(frozen=True)
class AttemptStart:
    """Where an attempt of a run begins."""

    experiment: Experiment
    resume: Resume | None
    """Where the attempts before it ended."""
    offered: Sequence[Sink]
    """Sinks of packages."""


@dataclass(frozen=True)
class Attempts:
    """The attempts of one run.

    Args:
        experiment: as it was prepared for the first of them.
        shown: sinks that show an attempt, as long as it lasts.
        offer: makes the sinks of packages for one attempt.
        warn: told what the user should know while the run goes on.
        note: told of every failure that another attempt follows, and of that.
        asked: what was typed to start them.
    """

    experiment: Experiment
    runs_dir: Path
    shown: Callable[[], AbstractContextManager[Sequence[Sink]]]
    offer: Callable[[], Sequence[Sink]]
    warn: Warn
    note: Callable[[str], object]
    asked: Invocation = UNTYPED

    def run(self, start: AttemptStart) -> RunResult:
        """What one attempt comes to, shown and recorded.

        Raises:
            RunFailed: what ended it.
        """
        samplers: list[Sampler] = []

        def sampler(emit: Emit) -> Sampler:
            roles = [role.name for role in start.experiment.plan.roles]
            samplers.append(Sampler(emit, roles=roles))
            return samplers[-1]

        with self.shown() as sinks:
            every: list[Sink] = [JsonLines(), *start.offered, *sinks]
            result = train(
                *(start.experiment, self.runs_dir, every, [sampler], start.resume, self.warn),
                asked=self.asked,
            )
        for note in filter(None, (each.note for each in samplers)):
            self.warn(f"the machine was not looked at to the end: {note}")
        return result

    def next_start(self, error: RunFailed, restart: int) -> AttemptStart:
        """Where the attempt after a failure begins; the user is told.

        Args:
            restart: which one it is, from 1.
        """
        resume = find_restart(Path(error.run_dir))
        self.note(str(error))
        for remark in resume.remarks:
            self.warn(remark)
        allowed = self.experiment.document.spec.supervision.restarts
        self.note(f"restart {restart} of {allowed}, from step {resume.step:,}")
        return AttemptStart(self.experiment, resume, self._offered_again())

    def _offered_again(self) -> Sequence[Sink]:
        """Sinks only show a run, so an attempt begins without those that cannot be made."""
        try:
            return self.offer()
        except SplitrunError as error:
            self.warn(str(error))
            return ()
