"""One long run, and how steadily it goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from splitrun import runtime
from splitrun.errors import Interrupted, UsageError
from splitrun.events import Event, Sampled, StepDone
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.model import evaluate
from splitrun.plan import compile, deadline_of
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from splitrun.spec import has_checksums
from splitrun.study.bench.measure import segment_of
from splitrun.study.bench.report import Report
from splitrun.study.bench.steadiness import Moment, Steadiness, judge
from splitrun.study.bench.store import BenchDirectory
from splitrun.study.timing import shorten
from splitrun.study.training import Subject, train_fresh
from splitrun.telemetry import Sampler

OnMoment = Callable[[Moment, float], None]
"""Takes each moment, and the share of the run that is done."""

_MOMENTS = 200
"""Looks at a run, about."""
_SHORTEST_S, _LONGEST_S = 0.05, 5.0
"""Between two looks."""
_WARM_UP_STEPS = 30
_ENDLESS = 10**9


class _Over(Exception):
    """The time is over."""


@dataclass(frozen=True)
class Soaked:
    """What a long run came to."""

    steadiness: Steadiness
    report: Report


def soak(
    experiment: Experiment,
    directory: BenchDirectory,
    duration_s: float,
    steps: int | None,
    on_moment: OnMoment,
) -> Soaked:
    """Train without evaluations, looking at it from time to time, and judge what was seen.

    Args:
        directory: where `soak.json` is written.
        duration_s: how long, unless `steps` are given.
        steps: how many at least; whole epochs where there are several.

    Raises:
        RunFailed: a role failed.
        UsageError: the run has fewer steps than its depth, or is over before it was looked at.
        Interrupted: a signal stopped it; what was seen until then is judged and kept.
    """
    document = experiment.document
    about = directory.about(document, {"duration_s": None if steps else duration_s, "steps": steps})
    plan = experiment.plan
    subject = Subject(experiment.parties).found_out(plan)
    period_s = _warm_up(subject, plan.depth)
    duration_s = period_s * steps if steps else duration_s
    run = _Run(shorten(subject, steps or _ENDLESS), on_moment)
    try:
        run.execute(min(max(duration_s / _MOMENTS, _SHORTEST_S), _LONGEST_S), duration_s, steps)
    except KeyboardInterrupt as error:
        raise _interrupted(run, about, directory, stopped_by(error)) from error
    try:
        steadiness = judge(run.moments)
    except ValueError as error:
        raise UsageError(f"{error}; give more --minutes or --steps") from error
    report = steadiness.report(about, run.moments)
    directory.write("soak.json", report.content)
    return Soaked(steadiness, report)


def _interrupted(
    run: _Run, about: Mapping[str, Any], directory: BenchDirectory, number: int
) -> Interrupted:
    """Keep what a run that was stopped has shown."""
    stopped = f"{interrupted(number)} after {run.steps} steps"
    try:
        steadiness = judge(run.moments)
    except ValueError:
        return Interrupted(f"{stopped}, too early to tell how steady it is; start it again", number)
    report = steadiness.report({**about, "interrupted": True}, run.moments)
    with listening() as interrupts, interrupts.held():
        directory.write("soak.json", report.content)
    kept = directory.path / "soak.json"
    seen = f"{steadiness.verdict} until then; the result is in {kept}"
    return Interrupted(f"{stopped}, {seen}", number)


def _warm_up(subject: Subject, depth: int) -> float:
    """Seconds a step, roughly."""
    warmed = segment_of(subject, max(_WARM_UP_STEPS, 3 * depth))
    statistics = train_fresh(warmed, subject.spec.runtime.type).statistics
    return statistics.train_s / statistics.steps


class _Run:
    """One run; its moments are taken in the sampler's thread, its steps in the top's."""

    def __init__(self, subject: Subject, on_moment: OnMoment) -> None:
        self.moments: list[Moment] = []
        self._subject = subject
        self._on_moment = on_moment
        self._progress = (0.0, 0, 0)
        """When the last step was done; samples and steps until then."""
        self._told = 0

    @property
    def steps(self) -> int:
        """Done so far."""
        return self._progress[2]

    def execute(self, every_s: float, duration_s: float, steps: int | None) -> None:
        """Run until the time is over, or to the last step where these are given."""
        subject = self._subject
        spec = subject.spec
        plan = compile(spec, subject.parties.facts(subject.known))
        start = now()
        self._progress = (start, 0, 0)

        def poll() -> None:
            share = self._progress[2] / steps if steps else (now() - start) / duration_s
            for moment in self.moments[self._told :]:
                self._told += 1
                self._on_moment(moment, share)
            if steps is None and share >= 1:
                raise _Over

        sampler = Sampler(self._look, every_s)
        try:
            with sampler:
                runtime.run(
                    plan,
                    subject.parties.stages(plan),
                    subject.parties.feeds(plan),
                    partial(evaluate, spec.top.loss, ()),
                    runtime=spec.runtime.type,
                    intra_op_threads=spec.runtime.intra_op_threads,
                    emit=self._emit,
                    poll=poll,
                    checksums=has_checksums(spec),
                    deadline=deadline_of(spec, plan),
                )
        except _Over:
            pass
        finally:
            del self.moments[-1:]  # of the end, when the roles were gone

    def _emit(self, event: Event) -> None:
        if isinstance(event, StepDone):
            _, samples, steps = self._progress
            self._progress = (event.end, samples + event.rows, steps + 1)

    def _look(self, event: Event) -> None:
        if isinstance(event, Sampled):
            time, samples, _ = self._progress
            moment = Moment(time, samples, event.memory_bytes, event.threads, event.descriptors)
            self.moments.append(moment)
