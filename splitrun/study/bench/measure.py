"""How fast one cell is: turns of training, each of fresh models over one segment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from splitrun.garbage import frozen
from splitrun.plan import Plan
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from splitrun.study.bench.machine import Watch, release_memory
from splitrun.study.statistics import MedianEstimate, estimate_median
from splitrun.study.timing import enough, shorten, trial_s, wanted_steps
from splitrun.study.training import Outcome, Subject, train_fresh

OnTurn = Callable[[Sequence["Trial"]], None]
"""Takes the turns so far, after each."""


@dataclass(frozen=True)
class Settings:
    """How to measure a cell."""

    repeats: int | None = None
    """Trials; None: until the throughput's interval is tight, or the budget ends."""
    budget_s: float = 10.0
    """For the turns, at most, but three are taken at least."""
    unproven: bool = False
    """Whether `pipeline.depth: auto` is the fastest depth, shown to be accurate or not."""


@dataclass(frozen=True)
class Trial:
    """One timed segment; its evaluation and the building of its models are not in it."""

    samples_per_s: float
    step_ms: float
    """Wall time of the segment by its steps."""
    cpu_percent: float
    """Of this process; 100 is one core."""


@dataclass(frozen=True)
class Measured:
    """What a cell came to."""

    schedule: str
    depth: int
    micro_batches: int
    batch_size: int
    runtime: str
    steps: int
    """Of each turn."""
    turns: tuple[Trial, ...]
    peak_memory_bytes: int
    """Resident, of this process, at most during the turns; the loaded data are in it."""
    others_percent: float
    """Processor time of other processes during the turns; 100 is one core."""

    @property
    def samples_per_s(self) -> MedianEstimate:
        """Over the turns."""
        return _rate(self.turns)

    @property
    def step_ms(self) -> float:
        """The median turn's."""
        return median(turn.step_ms for turn in self.turns)

    @property
    def cpu_percent(self) -> float:
        """The median turn's."""
        return median(turn.cpu_percent for turn in self.turns)


def measure(experiment: Experiment, settings: Settings, on_turn: OnTurn) -> Measured:
    """Warm up, then take turns.

    Raises:
        RunFailed: a role failed.
    """
    document, plan = experiment.document, experiment.plan
    subject = Subject(experiment.parties).found_out(plan)
    subject, steps = _warm_up(subject, plan, settings.budget_s)
    release_memory()
    turns: list[Trial] = []
    start = now()
    with frozen(), Watch() as watch:
        while not enough(
            len(turns), now() - start, settings.budget_s, settings.repeats, lambda: [_rate(turns)]
        ):
            turns.append(_turn(subject))
            on_turn(turns)
    return Measured(
        schedule=plan.schedule,
        depth=plan.depth,
        micro_batches=plan.micro_batches,
        batch_size=plan.batch_size,
        runtime=document.spec.runtime.type,
        steps=steps,
        turns=tuple(turns),
        peak_memory_bytes=watch.peak_memory_bytes,
        others_percent=watch.others_percent,
    )


def segment_of(subject: Subject, steps: int) -> Subject:
    """So many steps of the training, over rows from all of the data: caches see its true size."""
    data = subject.parties.label_holder.data
    stride = max(1, len(data.train_ids) // (steps * subject.spec.dataset.batch_size))
    spread = subject.parties.with_rows(data.train_ids[::stride], data.test_ids)
    return shorten(replace(subject, parties=spread), steps)


def _warm_up(subject: Subject, plan: Plan, budget_s: float) -> tuple[Subject, int]:
    """The segment to time, and its steps; a few steps tell roughly how many, those how many."""
    most = next(plan.segments()).stop
    steps = min(max(4, plan.depth), most)
    for _ in range(2):
        outcome = _run(segment_of(subject, steps))
        period_s = outcome.statistics.train_s / outcome.statistics.steps
        steps = min(wanted_steps(period_s, plan.depth, trial_s(budget_s)), most)
    segment = segment_of(subject, steps)
    return segment, segment.plan().steps


def _turn(segment: Subject) -> Trial:
    outcome = _run(segment)
    statistics = outcome.statistics
    return Trial(
        samples_per_s=statistics.samples / statistics.train_s,
        step_ms=1e3 * statistics.train_s / statistics.steps,
        cpu_percent=100 * outcome.cpu_s / outcome.wall_s,
    )


def _run(segment: Subject) -> Outcome:
    return train_fresh(segment, segment.spec.runtime.type)


def _rate(turns: Sequence[Trial]) -> MedianEstimate:
    return estimate_median([turn.samples_per_s for turn in turns])
