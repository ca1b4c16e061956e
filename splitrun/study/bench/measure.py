"""How fast one cell is, in trials of fresh models over one segment, and whether to trust it."""

from __future__ import annotations

import ctypes
import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import median
from typing import Literal

import numpy as np
import psutil

from splitrun.events import Event, Sampled
from splitrun.plan import Plan
from splitrun.runtime.clock import frozen, now
from splitrun.session import Experiment
from splitrun.session.environment import LoadMeter
from splitrun.study.statistics import MedianEstimate, estimate_median, find_trend
from splitrun.study.timing import Trial, enough, shorten, time_trial, trial_s, wanted_steps
from splitrun.study.training import Subject, train_fresh
from splitrun.study.watcher import BenchWatcher
from splitrun.telemetry import Sampler

_EVERY_S = 0.05
"""Between two looks at the memory."""


@dataclass(frozen=True)
class BenchSettings:
    """How to measure a cell."""

    repeats: int | None = None
    """Trials of a cell; None: until the throughput's interval is tight, or the budget ends."""
    budget_s: float = 10.0
    """Seconds for the trials of a cell, at most; three trials are made at least."""
    unproven: bool = False
    """Whether `pipeline.depth: auto` is the fastest depth, shown to be accurate or not."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a cell, and how it was run."""

    schedule: str
    depth: int
    micro_batches: int
    batch_size: int
    runtime: str
    steps: int
    """Steps of each trial."""
    trials: tuple[Trial, ...]
    peak_memory_bytes: int
    """Most resident bytes of this process during the trials, looked at 20 times a second; the
    loaded data are in it."""
    others_percent: float
    """Processor time of other processes during the trials; 100 is one core."""

    @property
    def samples_per_s(self) -> MedianEstimate:
        """The throughput over all trials."""
        return estimate_median([trial.samples_per_s for trial in self.trials])

    @property
    def step_ms(self) -> float:
        """Wall time of a step in milliseconds, in the median trial."""
        return median(trial.step_ms for trial in self.trials)

    @property
    def cpu_percent(self) -> float:
        """Processor time of this process in the median trial; 100 is one core."""
        return median(trial.cpu_percent for trial in self.trials)


def measure(experiment: Experiment, settings: BenchSettings, watcher: BenchWatcher) -> Measured:
    """Warm up, then make trials until there are enough of them.

    Args:
        watcher: told between trials, and shown the warm-up.

    Raises:
        RunFailed: a role failed.
    """
    document, plan = experiment.document, experiment.plan
    subject = Subject(experiment.parties).with_facts_of(plan)
    segment, steps = _warm_up(subject, plan, settings.budget_s, watcher)
    release_memory()
    trials: list[Trial] = []
    start, load = now(), LoadMeter()
    with frozen(), MemoryPeak() as memory:
        while not enough(
            len(trials),
            now() - start,
            settings.budget_s,
            settings.repeats,
            lambda: [estimate_median([trial.samples_per_s for trial in trials])],
        ):
            watcher.timing(trials)
            trials.append(time_trial(segment, segment.spec.runtime.type))
    return Measured(
        schedule=plan.schedule,
        depth=plan.depth,
        micro_batches=plan.micro_batches,
        batch_size=plan.batch_size,
        runtime=document.spec.runtime.type,
        steps=steps,
        trials=tuple(trials),
        peak_memory_bytes=memory.peak_bytes,
        others_percent=load.so_far().others_percent,
    )


def segment_of(subject: Subject, steps: int) -> Subject:
    """So many steps of the training, over rows from all of the data: caches see its true size."""
    data = subject.parties.label_holder.data
    stride = max(1, len(data.train_ids) // (steps * subject.spec.dataset.batch_size))
    spread = subject.parties.with_rows(data.train_ids[::stride])
    return shorten(replace(subject, parties=spread), steps)


def _warm_up(
    subject: Subject, plan: Plan, budget_s: float, watcher: BenchWatcher
) -> tuple[Subject, int]:
    """The segment to time, and its steps; a few steps tell roughly how many, those how many."""
    most = next(plan.segments()).stop
    steps = min(max(4, plan.depth), most)
    for is_long in (False, True):
        warmed = segment_of(subject, steps)
        recorder = watcher.warming_up(warmed.plan()) if is_long else None
        kind = subject.spec.runtime.type
        statistics = train_fresh(warmed, kind, recorder=recorder).statistics
        period_s = statistics.train_s / statistics.steps
        steps = min(wanted_steps(period_s, plan.depth, trial_s(budget_s)), most)
    segment = segment_of(subject, steps)
    return segment, segment.plan().steps


class MemoryPeak:
    """Watches this process's memory while it lasts; a context manager."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        """The most resident bytes seen so far."""
        self._sampler = Sampler(self._take, _EVERY_S)

    def __enter__(self) -> MemoryPeak:
        self._sampler.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._sampler.__exit__(*error)

    def _take(self, event: Event) -> None:
        """Called in the sampler's thread."""
        if isinstance(event, Sampled):
            self.peak_bytes = max(self.peak_bytes, event.memory_bytes)


def load_average() -> float:
    """How many processes wanted a core of all there are, over the last minute."""
    return psutil.getloadavg()[0]


def all_cores() -> int:
    """How many cores the machine has, whether this process may use them or not."""
    return psutil.cpu_count() or 1


def release_memory() -> None:
    """Give back what is not used any more, as far as the system can, so that it counts no more."""
    gc.collect()
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


_FEWEST_FOR_OUTLIERS = 5
"""Trials below which none is said to stand out."""
_DEVIATIONS = 7
"""From the median, by the median absolute deviation, from where on a trial stands out (Iglewicz and
Hoaglin, "How to detect and handle outliers", 1993). Their 3.5 call normal trials outliers in 21 %
of cells with 5 trials; this does in 6 %, and in 1 % of those with 10."""
_NOTABLE = 0.05
"""Share of the median by which a trial that stands out differs at least."""
_DRIFT = 0.02
"""Change from the first to the last trial that is surely exceeded when it is called drift."""
_BUSY = 0.10
"""Share of the machine's cores that others may use."""


@dataclass(frozen=True)
class ReliabilityWarning:
    """One reason not to trust a cell's figures, and what to do about it."""

    kind: Literal["slow first trial", "outliers", "drift", "busy machine"]
    text: str


def reliability_warnings(measured: Measured, cores: int) -> list[ReliabilityWarning]:
    """All reasons not to trust a cell's figures."""
    rates = [trial.samples_per_s for trial in measured.trials]
    odd = outliers(rates)
    found = []
    if 0 in odd and rates[0] < float(np.median(rates)):
        odd.remove(0)
        share = rates[0] / float(np.median(rates[1:]))
        text = f"the first trial had {share:.0%} of the others' throughput: caches were cold"
        found.append(
            ReliabilityWarning("slow first trial", f"{text}; measure again, or more trials")
        )
    if odd:
        trials = "trial stands" if len(odd) == 1 else "trials stand"
        text = f"{len(odd)} of {len(rates)} {trials} out: something else interfered"
        found.append(ReliabilityWarning("outliers", f"{text}; measure again on a quiet machine"))
    trend = find_trend(range(len(rates)), rates)
    if trend is not None and (trend.low > _DRIFT or trend.high < -_DRIFT):
        text = f"throughput changed by {trend.change:+.0%} from the first trial to the last"
        remedy = "the processor may throttle; let it cool, or measure longer"
        found.append(ReliabilityWarning("drift", f"{text}; {remedy}"))
    busy = measured.others_percent / 100
    if busy > _BUSY * cores:
        text = f"other processes used {busy:.1f} of {cores} cores meanwhile"
        found.append(ReliabilityWarning("busy machine", f"{text}; end them, and measure again"))
    return found


def outliers(rates: Sequence[float]) -> list[int]:
    """Which of the trials' throughputs stand out from the rest."""
    if len(rates) < _FEWEST_FOR_OUTLIERS:
        return []
    values = np.asarray(rates, dtype=np.float64)
    distances = np.abs(values - np.median(values))
    deviation = 1.4826 * float(np.median(distances))  # a normal distribution's
    far = max(_DEVIATIONS * deviation, _NOTABLE * float(np.median(values)))
    return [int(index) for index in np.flatnonzero(distances > far)]
