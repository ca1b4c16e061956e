"""Short runs of a plan's programs, again and again: how long they take, and what works how long.

A probe run is one way to run them: serially or on threads, with so many batches in flight, at once
or over links that are pauses.
"""

from __future__ import annotations

import math
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from torch import nn

from splitrun.events import Event, Executed
from splitrun.party import Parties
from splitrun.plan import Facts, LinkTiming, Op, Plan, compile
from splitrun.runtime import AffinityTuner, Observer, find_runtime
from splitrun.session.environment import usable_cores
from splitrun.session.job import job_of
from splitrun.simulate import TimedPlan, with_depth

_MOMENT_S = 0.05
"""In which speed is counted: longer than bursts of steps, and no longer than most links' loops."""
_MOST_ATTEMPTS = 6
"""Trials in which roles find their cores; there is no hope of it after that."""


@dataclass(frozen=True)
class ProbeSubject:
    """What is run again and again."""

    parties: Parties
    facts: Facts
    modules: Mapping[str, nn.Module]
    """By role; each trial goes on with what the ones before it have trained."""

    @classmethod
    def of(cls, parties: Parties) -> ProbeSubject:
        """Parties with what is found out about their models.

        Raises:
            SpecError: the models cannot be run as the spec wants.
        """
        facts = parties.facts()
        stages = parties.stages(compile(parties.spec, facts))
        return cls(parties, facts, {name: stage.module for name, stage in stages.items()})


def run_rounds(
    probe_runs: Sequence[ProbeRun], rounds: int, done: Callable[[], object] = lambda: None
) -> None:
    """Let probe runs make trials in turn, so that what slows the machine down for a while slows
    down all of them.

    Args:
        done: called after each trial.
    """
    for _ in range(rounds):
        for probe_run in probe_runs:
            probe_run.run()
            done()


@dataclass(frozen=True)
class _ProbeTrial:
    """What one trial took, a step in the mean; instructions in the mean of the middle half."""

    period_s: float
    rates: Sequence[float]
    """Steps a second in the moments of the trial."""
    work_s: Mapping[tuple[str, Op], float]


class ProbeRun:
    """One way to run the programs, and what its trials took.

    Args:
        depth: batches in flight.
        latency_s: of all links; without it there are none.
        affinity_tuner: of another probe_run like it.
        clocked: whether to tell what instructions work, for which threads look at clocks: that
            makes small steps 6 to 9 % longer.
    """

    def __init__(
        self,
        subject: ProbeSubject,
        kind: Literal["serial", "threaded"],
        batch_size: int,
        steps: int,
        *,
        depth: int = 1,
        latency_s: float = 0.0,
        affinity_tuner: AffinityTuner | None = None,
        clocked: bool = False,
    ) -> None:
        steps += 2 * depth  # while it fills and drains, other work is done than in between
        ids = subject.parties.label_holder.data.train_ids
        epochs = -(-steps // (len(ids) // batch_size))
        rows = -(-steps // epochs) * batch_size
        self._subject = subject
        self._parties = subject.parties.with_rows(ids[:rows])
        self._kind = kind
        plan = _bare(subject, rows, batch_size, epochs)
        self.plan = with_depth(_over_links(plan, latency_s) if latency_s else plan, depth)
        self.affinity_tuner = affinity_tuner or AffinityTuner(usable_cores())
        self._clocked = clocked
        self._trials: list[_ProbeTrial] = []

    def run(self) -> None:
        """Make one trial, in which no role is tried on another core."""
        trial, attempts = self._trial(), 1
        while self.affinity_tuner.is_undecided and attempts < _MOST_ATTEMPTS:
            trial, attempts = self._trial(), attempts + 1
        self._trials.append(trial)

    def _trial(self) -> _ProbeTrial:
        plan, clocked = self.plan, _Clocked()
        events: list[Event] = []
        settled = range(plan.depth, plan.steps - plan.depth)
        job = job_of(self._parties, plan, modules=self._subject.modules)
        bare = replace(
            job, hooks=(), deadline=None, digests=False, affinity_tuner=self.affinity_tuner
        )
        find_runtime(self._kind)(bare, Observer(clocked if self._clocked else events.append))
        ends = []
        work: dict[tuple[str, Op], list[float]] = defaultdict(list)
        unclocked = ((event, 0.0) for event in events if isinstance(event, Executed))
        for event, work_s in clocked.spans if self._clocked else unclocked:
            op = Op(event.op)
            if event.step not in settled or op is Op.DRAIN:
                continue
            work[event.role, op].append(work_s)
            if op is Op.UPDATE and event.role == plan.top.name:
                ends.append(event.end)
        period_s = (ends[-1] - ends[0]) / (len(ends) - 1)
        typical = {of: _middle(each) for of, each in work.items()}
        return _ProbeTrial(period_s, moment_rates(ends), typical)

    @property
    def rounds(self) -> int:
        """How many trials it has made."""
        return len(self._trials)

    @contextmanager
    def half(self, first: int) -> Iterator[None]:
        """While this lasts, it tells of every other of its trials alone.

        Args:
            first: 0 or 1; there are two trials at least.
        """
        trials = self._trials
        self._trials = trials[first::2]
        try:
            yield
        finally:
            self._trials = trials

    def timed(self) -> TimedPlan:
        """Seconds a step."""
        return TimedPlan(self.plan, self._typical.period_s)

    @property
    def unevenness(self) -> float:
        """The standard deviation of its speed from moment to moment and from trial to trial, over
        the mean; 0 if too little was seen of it."""
        rates = [rate for trial in self._trials for rate in trial.rates]
        return statistics.stdev(rates) / statistics.fmean(rates) if len(rates) > 1 else 0.0

    def work_s(self) -> Mapping[tuple[str, Op], float]:
        """Processor seconds of an instruction, by role and operation; zeros if not clocked."""
        return self._typical.work_s

    @property
    def _typical(self) -> _ProbeTrial:
        """The one in the middle, of two the slower: a run, too, has slow moments and fast ones."""
        by_speed = sorted(self._trials, key=lambda trial: trial.period_s)
        return by_speed[len(by_speed) // 2]


@dataclass
class _Clocked:
    """An `emit` that notes each instruction's processor time: what the thread, of one role or of
    all, has had since it told of the one before."""

    spans: list[tuple[Executed, float]] = field(default_factory=list)
    _thread: threading.local = field(default_factory=threading.local)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Executed):
            cpu_s = time.thread_time()
            self.spans.append((event, cpu_s - getattr(self._thread, "last", cpu_s)))
            self._thread.last = time.thread_time()


def _bare(subject: ProbeSubject, rows: int, batch_size: int, epochs: int) -> Plan:
    """So many epochs of so many rows: no links, no emulated hardware, no evaluation."""
    plan = compile(subject.parties.spec, subject.facts)
    return replace(
        plan,
        facts=replace(plan.facts, train_rows=rows, validation_rows=0, test_rows=0),
        batch_size=batch_size,
        epochs=epochs,
        evaluate_every_epochs=None,
        checkpoint_every_steps=None,
        channels=tuple(replace(channel, timing=None) for channel in plan.channels),
        bottoms=tuple(replace(bottom, compute=None) for bottom in plan.bottoms),
        top=replace(plan.top, compute=None),
    )


def _over_links(plan: Plan, latency_s: float) -> Plan:
    """The plan with this latency between all roles."""
    timing = LinkTiming(latency_s, math.inf, 0.0, ())
    return replace(plan, channels=tuple(replace(each, timing=timing) for each in plan.channels))


def moment_rates(ends: Sequence[float]) -> Sequence[float]:
    """Steps a second in moments of the time in which steps ended."""
    moments = int((ends[-1] - ends[0]) / _MOMENT_S)
    edges = [ends[0] + number * _MOMENT_S for number in range(moments + 1)]
    done = np.interp(edges, ends, range(len(ends)))
    return [float(steps) / _MOMENT_S for steps in np.diff(done)]


def _middle(values: Sequence[float]) -> float:
    """The mean of the middle half."""
    quarter = len(values) // 4
    return statistics.fmean(sorted(values)[quarter : len(values) - quarter])
