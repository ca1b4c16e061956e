"""What a spec's instructions cost on this machine, and what running its roles together adds.

The plan's own programs are run, without links and emulated hardware: serially, where a thread's
processor time tells what each instruction costs by itself; after pauses, which caches do not
survive; then on threads, one batch at a time and with several in flight, since roles in threads
share more than cores. Small operations spend much of their time under Python's lock, of which there
is one, and a thread that waits has to be woken. What that comes to is fitted to how long those runs
take (`splitrun.simulate.calibrate`).

With more batches in flight there are more versions and activations than caches hold, and steps take
longer. So where the first rounds speak for a deeper pipeline, one of that depth is run from then
on, and counts instead.

Other processes on the machine make all of it slower. So each half of the rounds is asked by itself
which depth is the fastest: where they differ, or others had the cores meanwhile, more rounds are
run, for 20 s in all, and where that doesn't help, the probe says so.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from statistics import fmean

from splitrun.errors import SpecError
from splitrun.party import Parties
from splitrun.plan import Op
from splitrun.runtime import AffinityTuner
from splitrun.runtime.clock import frozen, now
from splitrun.session.environment import LoadMeter, usable_cores
from splitrun.session.probe_run import ProbeRun, ProbeSubject, run_rounds
from splitrun.simulate import FEWEST_ROUNDS, MOST_UNEVEN, Certainty, Cost, Costs, calibrate
from splitrun.spec import Spec
from splitrun.spec.model import Pipeline
from splitrun.spec.section import Section

_DEPTH = 8
"""Deep enough that many roles keep each other busy: where a probe begins."""
_NEAR = 1.25
"""Depths that differ by no more than this factor are alike."""
_SMALLER = 4
"""The second batch size is this many times smaller: two tell fixed costs from those per row."""
_PAUSE_S = 8e-3
"""After which caches have forgotten what they can forget."""
_NEXT_TO_NOTHING = 1e-30
"""A learning rate that changes no weight, and costs what any other does."""


@dataclass(frozen=True)
class ProbeEffort:
    """How long a probe's trials are, and how many of them it makes."""

    warm_up_s: float = 0.5
    """Seconds of work before anything is measured."""
    trial_s: float = 0.15
    """Seconds of a trial, about, within the fewest and the most steps."""
    fewest_steps: int = 12
    most_steps: int = 64
    shortest_trial_s: float = 0.1
    """Seconds of a trial at least, with more steps if need be: from shorter ones nobody sees how
    uneven speed is."""
    rounds: int = 2
    """Every probe run has a trial a round; after so many it shows how deep a pipeline to run."""
    paused_rounds: int = 3
    """Rounds of the probe run with pauses, after the first rounds of the others."""
    more_rounds: int = 3
    """Rounds at a time, until the probe is sure."""
    most_rounds: int = 60
    budget_s: float = 20.0
    """Seconds after which no more rounds are begun; the fewest are run in any case."""

    def steps_of_a_trial(self, period_s: float) -> int:
        """Steps of a trial if a step takes so many seconds."""
        steps = max(self.fewest_steps, min(self.most_steps, int(self.trial_s / period_s)))
        return max(steps, math.ceil(self.shortest_trial_s / period_s))


@dataclass(frozen=True)
class ProbeResult:
    """What was measured, on models made for it and dropped."""

    costs: Costs
    pipelines: bool
    """Whether the models can be trained with several batches in flight."""
    certainty: Certainty


@frozen()
def probe_costs(
    parties: Parties,
    fastest: Callable[[Costs, bool], int],
    effort: ProbeEffort = ProbeEffort(),
    tell: Callable[[float, float], object] = lambda *_: None,
) -> ProbeResult:
    """Measure what the instructions of parties' roles cost, until it is sure or its time is over.

    Args:
        fastest: takes costs and whether the models can be pipelined, and gives the depth that they
            speak for: what there is to be sure of.
        effort: how long to measure.
        tell: told between trials how many seconds it has measured, and how many there are at most.

    Raises:
        RunFailed: a role failed.
    """
    full = min(parties.spec.dataset.batch_size, len(parties.label_holder.data.train_ids))
    small = min(full, max(2, full // _SMALLER))
    subject, pipelines = _subject(parties)
    steps, affinity_tuner = _warm_up(subject, full, effort)
    serial = ProbeRun(subject, "serial", full, steps, clocked=True)
    smaller = ProbeRun(subject, "serial", small, steps, clocked=True)
    sequential = ProbeRun(subject, "threaded", full, steps, affinity_tuner=affinity_tuner)
    paused = ProbeRun(
        subject,
        "threaded",
        full,
        effort.fewest_steps,
        latency_s=_PAUSE_S,
        affinity_tuner=affinity_tuner,
        clocked=True,
    )
    pipelined = ProbeRun(subject, "threaded", full, steps, depth=_DEPTH)
    probe_runs = _ProbeRuns(serial, smaller, sequential, pipelined if pipelines else None, paused)
    start, meter = now(), LoadMeter()

    def done() -> None:
        tell(min(now() - start, effort.budget_s), effort.budget_s)

    run_rounds(probe_runs.busy, effort.rounds, done)
    run_rounds([paused], effort.paused_rounds, done)
    while True:
        each = [fastest(costs, pipelines) for costs in probe_runs.opinions()]
        load = meter.so_far()
        certainty = Certainty(
            min(each),
            max(each),
            serial.rounds,
            now() - start,
            load.others_percent,
            load.idle_percent,
        )
        over = serial.rounds >= effort.most_rounds or certainty.seconds >= effort.budget_s
        shallow = probe_runs.are_shallow_for(max(each))
        if over or (certainty.sure and not shallow):
            return ProbeResult(probe_runs.costs(), pipelines, certainty)
        if shallow:
            tuner = pipelined.affinity_tuner  # what keeps cores busy is the same, however deep
            deep = ProbeRun(subject, "threaded", full, steps, depth=max(each), affinity_tuner=tuner)
            run_rounds([deep], serial.rounds, done)
            probe_runs = replace(probe_runs, pipelined=deep)
        run_rounds(probe_runs.busy, effort.more_rounds, done)


@dataclass(frozen=True)
class _ProbeRuns:
    """All that a probe runs."""

    serial: ProbeRun
    smaller: ProbeRun
    sequential: ProbeRun
    pipelined: ProbeRun | None
    paused: ProbeRun

    @property
    def busy(self) -> Sequence[ProbeRun]:
        """Those without pauses."""
        pipelined = [self.pipelined] if self.pipelined else []
        return [self.serial, self.smaller, self.sequential, *pipelined]

    def are_shallow_for(self, depth: int) -> bool:
        """Whether the pipeline that was run is the usual one, and much shallower."""
        run = self.pipelined
        return run is not None and run.plan.depth == _DEPTH and depth > _NEAR * _DEPTH

    def costs(self) -> Costs:
        """The costs that all trials come to."""
        costs = calibrate(
            _costs(self.serial, self.smaller, self.paused),
            self.sequential.timed(),
            self.pipelined.timed() if self.pipelined else None,
            self.paused.timed(),
            float(len(usable_cores())),
        )
        return replace(costs, unevenness=_unevenness(self.busy))

    def opinions(self) -> Sequence[Costs]:
        """The costs that every other trial comes to, and those of the others; of trials so few that
        no probe is sure of them, those of all."""
        if self.serial.rounds < FEWEST_ROUNDS:
            return [self.costs()]
        return [self._half(first) for first in (0, 1)]

    def _half(self, first: int) -> Costs:
        with ExitStack() as stack:
            for probe_run in (*self.busy, self.paused):
                stack.enter_context(probe_run.half(first))
            return self.costs()


def _subject(parties: Parties) -> tuple[ProbeSubject, bool]:
    """Parties whose models are run, and whether they can be pipelined."""
    spec = parties.spec
    pipeline = Pipeline(schedule="stale", depth="auto", compensation=spec.pipeline.compensation)
    spec = _standing_still(spec)
    stale = spec.model_copy(update={"pipeline": pipeline})
    try:
        return ProbeSubject.of(parties.under(stale)), True
    except SpecError:
        return ProbeSubject.of(parties.under(spec)), False


def _standing_still(spec: Spec) -> Spec:
    """The spec with learning rates so low that no number of trials makes weights diverge."""

    def slow(section: Section) -> Section:
        optimizer = getattr(section, "optimizer", None)
        if optimizer is None:
            return section
        return section.model_copy(
            update={"optimizer": optimizer.model_copy(update={"lr": _NEXT_TO_NOTHING})}
        )

    parties = {name: slow(party) for name, party in spec.parties.items()}
    update = {"parties": parties, "top": slow(spec.top), "training": slow(spec.training)}
    return spec.model_copy(update=update)


def _warm_up(
    subject: ProbeSubject, batch_size: int, effort: ProbeEffort
) -> tuple[int, AffinityTuner]:
    """Steps that take about as long as a trial should, and where one batch at a time is trained.

    On the way everything warms up, the processor too: the one that this was written on runs 1.6
    times as fast after some tenths of a second of work as after a pause.
    """
    probe_run, start = ProbeRun(subject, "threaded", batch_size, effort.fewest_steps), now()
    probe_run.run()
    while now() - start < effort.warm_up_s:
        probe_run.run()
    return effort.steps_of_a_trial(probe_run.timed().period_s), probe_run.affinity_tuner


def _costs(serial: ProbeRun, smaller: ProbeRun, paused: ProbeRun) -> Costs:
    """What instructions cost by themselves: at two batch sizes, and after pauses."""
    small, full = smaller.plan.batch_size, serial.plan.batch_size
    roles: dict[str, dict[Op, Cost]] = defaultdict(dict)
    at_small, after_pause = smaller.work_s(), paused.work_s()
    for (role, op), work_s in serial.work_s().items():
        line = _line(small, at_small[role, op], full, work_s)
        cold_s = 0.0 if op is Op.RECV else max(0.0, after_pause[role, op] - work_s)
        roles[role][op] = replace(line, cold_s=cold_s)  # a RECV spends the end of its wait yielding
    return Costs(roles, 1.0)


def _unevenness(probe_runs: Sequence[ProbeRun]) -> float:
    """What the machine has in it, so that every probe_run tells of it."""
    return min(MOST_UNEVEN, math.sqrt(fmean(probe_run.unevenness**2 for probe_run in probe_runs)))


def _line(small: int, at_small_s: float, full: int, at_full_s: float) -> Cost:
    """The line through two batch sizes; neither part of it is negative."""
    per_row_s = max(0.0, (at_full_s - at_small_s) / (full - small)) if full > small else 0.0
    per_row_s = min(per_row_s, at_full_s / full)
    return Cost(at_full_s - per_row_s * full, per_row_s)
