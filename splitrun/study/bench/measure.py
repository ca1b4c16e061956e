"""How fast one cell is, in trials of fresh models over one segment, and whether to trust it."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import median
from time import perf_counter
from typing import Literal

import numpy as np
import psutil

from splitrun.events import Event, Sampled
from splitrun.garbage import frozen
from splitrun.plan import Plan
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from splitrun.session.environment import usable_cores
from splitrun.study.statistics import MedianEstimate, estimate_median, find_trend
from splitrun.study.timing import enough, shorten, trial_s, wanted_steps
from splitrun.study.training import Subject, TrainingOutcome, train_fresh
from splitrun.telemetry import Sampler

OnTrial = Callable[[Sequence["Trial"]], None]
"""Takes the turns so far, after each."""


@dataclass(frozen=True)
class BenchSettings:
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


def measure(experiment: Experiment, settings: BenchSettings, on_turn: OnTrial) -> Measured:
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


def _run(segment: Subject) -> TrainingOutcome:
    return train_fresh(segment, segment.spec.runtime.type)


def _rate(turns: Sequence[Trial]) -> MedianEstimate:
    return estimate_median([turn.samples_per_s for turn in turns])


_EVERY_S = 0.05


class Watch:
    """Watches while it lasts; a context manager. Its figures are there when it has ended."""

    def __init__(self) -> None:
        self.peak_memory_bytes = 0
        """Resident, of this process; looked at 20 times a second."""
        self._others_s = 0.0
        self._cores = usable_cores()
        self._sampler = Sampler(self._take, _EVERY_S)

    def __enter__(self) -> Watch:
        """Begin."""
        self._start = self._last = perf_counter()
        self._sampler.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        """End."""
        self._sampler.__exit__(*error)

    @property
    def others_percent(self) -> float:
        """Time that others used of the cores which this process may use; 100 is one core."""
        elapsed_s = self._last - self._start
        return max(0.0, self._others_s / elapsed_s) if elapsed_s else 0.0

    def _take(self, event: Event) -> None:
        """Called in the sampler's thread."""
        if isinstance(event, Sampled):
            shares = enumerate(event.core_percents)
            ours = sum(share for core, share in shares if core in self._cores)
            others_percent = ours - event.cpu_percent
            self._others_s += others_percent * (event.time - self._last)
            self._last = event.time
            self.peak_memory_bytes = max(self.peak_memory_bytes, event.memory_bytes)


def load_average() -> float:
    """How many processes wanted a core of all there are, over the last minute."""
    return psutil.getloadavg()[0]


def all_cores() -> int:
    """Of the machine, whether this process may use them or not."""
    return psutil.cpu_count() or 1


def release_memory() -> None:
    """Give back what is not used any more, as far as the system can, so that it counts no more."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


_FEWEST = 5
"""Trials below which none is said to stand out."""
_DEVIATIONS = 7
"""From the median, by the median absolute deviation, from where on a turn stands out (Iglewicz and
Hoaglin, "How to detect and handle outliers", 1993). Their 3.5 call normal turns outliers in 21 % of
cells with 5 turns; this does in 6 %, and in 1 % of those with 10."""
_NOTABLE = 0.05
"""Share of the median by which a turn that stands out differs at least."""
_DRIFT = 0.02
"""Change from the first to the last turn that is surely exceeded when it is called drift."""
_BUSY = 0.10
"""Share of the machine's cores that others may use."""


@dataclass(frozen=True)
class ReliabilityWarning:
    """One reason not to trust a cell's figures, and what to do about it."""

    kind: Literal["slow first turn", "outliers", "drift", "busy machine"]
    text: str


def reliability_warnings(measured: Measured, cores: int) -> list[ReliabilityWarning]:
    """All that is doubtful about a cell."""
    rates = [turn.samples_per_s for turn in measured.turns]
    odd = outliers(rates)
    found = []
    if 0 in odd and rates[0] < float(np.median(rates)):
        odd.remove(0)
        share = rates[0] / float(np.median(rates[1:]))
        text = f"the first turn had {share:.0%} of the others' throughput: caches were cold"
        found.append(ReliabilityWarning("slow first turn", f"{text}; measure again, or more turns"))
    if odd:
        turns = "turn stands" if len(odd) == 1 else "turns stand"
        text = f"{len(odd)} of {len(rates)} {turns} out: something else interfered"
        found.append(ReliabilityWarning("outliers", f"{text}; measure again on a quiet machine"))
    trend = find_trend(range(len(rates)), rates)
    if trend is not None and (trend.low > _DRIFT or trend.high < -_DRIFT):
        text = f"throughput changed by {trend.change:+.0%} from the first turn to the last"
        remedy = "the processor may throttle; let it cool, or measure longer"
        found.append(ReliabilityWarning("drift", f"{text}; {remedy}"))
    busy = measured.others_percent / 100
    if busy > _BUSY * cores:
        text = f"other processes used {busy:.1f} of {cores} cores meanwhile"
        found.append(ReliabilityWarning("busy machine", f"{text}; end them, and measure again"))
    return found


def outliers(rates: Sequence[float]) -> list[int]:
    """Which of the turns' throughputs stand out from the rest."""
    if len(rates) < _FEWEST:
        return []
    values = np.asarray(rates, dtype=np.float64)
    distances = np.abs(values - np.median(values))
    deviation = 1.4826 * float(np.median(distances))  # a normal distribution's
    far = max(_DEVIATIONS * deviation, _NOTABLE * float(np.median(values)))
    return [int(index) for index in np.flatnonzero(distances > far)]
