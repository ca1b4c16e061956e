"""A training at the command line, attempt by attempt: the first that does not fail is the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from splitrun.cli.output import echo
from splitrun.cli.progress import Progress, shown
from splitrun.errors import SplitrunError

if TYPE_CHECKING:
    from splitrun.errors import RunFailed
    from splitrun.events import Emit, Sink
    from splitrun.session import Experiment, Result, Resume
    from splitrun.telemetry import Sampler


@dataclass(frozen=True)
class Start:
    """Where an attempt of a run begins."""

    experiment: Experiment
    resume: Resume | None
    """Where the attempts before it ended."""
    offered: Sequence[Sink]
    """Sinks of packages."""


@dataclass(frozen=True)
class Attempts:
    """How all attempts of a run are led.

    Args:
        offer: makes the sinks of packages for one attempt.
    """

    runs_dir: Path
    progress: Progress
    offer: Callable[[], Sequence[Sink]]

    def lead(self, first: Start) -> Result:
        """What the first attempt that does not fail comes to.

        Raises:
            RunFailed: what ended the last attempt.
        """
        from splitrun.session import find_restart, supervised

        experiment = first.experiment
        policy = experiment.document.spec.supervision

        def again(error: RunFailed, restart: int) -> Start:
            resume = find_restart(Path(error.run_dir))
            echo(error, err=True)
            for remark in resume.remarks:
                warn(remark)
            place = f"from step {resume.step:,}"
            echo(f"restart {restart} of {policy.restarts}, {place}", err=True)
            return Start(experiment, resume, self._offered_again())

        return supervised(policy, self._live, first, again)

    def _offered_again(self) -> Sequence[Sink]:
        """Sinks only show a run, so an attempt begins without those that cannot be made."""
        try:
            return self.offer()
        except SplitrunError as error:
            warn(str(error))
            return ()

    def _live(self, start: Start) -> Result:
        from splitrun.session import train
        from splitrun.telemetry import JsonLines, Sampler

        samplers: list[Sampler] = []

        def sampler(emit: Emit) -> Sampler:
            roles = [role.name for role in start.experiment.plan.roles]
            samplers.append(Sampler(emit, roles=roles))
            return samplers[-1]

        with shown(self.progress) as sinks:
            every: list[Sink] = [JsonLines(), *start.offered, *sinks]
            result = train(start.experiment, self.runs_dir, every, [sampler], start.resume, warn)
        for note in filter(None, (each.note for each in samplers)):
            warn(f"the machine was not looked at to the end: {note}")
        return result


def warn(text: str) -> None:
    """Tell the user, while the run goes on."""
    echo(f"warning: {text}", err=True)
