"""What a spec's instructions cost on this machine, and what running its roles together adds.

The plan's own programs are run, without links and emulated hardware: serially, where a thread's
processor time tells what each instruction costs by itself; after pauses, which caches do not
survive; then on threads, one batch at a time and with several in flight, since roles in threads
share more than cores. Small operations spend much of their time under Python's lock, of which there
is one, and a thread that waits has to be woken. What that comes to is fitted to how long those runs
take (`splitrun.simulate.calibrate`).
"""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from splitrun import runtime
from splitrun.data import Data
from splitrun.errors import SpecError
from splitrun.events import Event, Executed
from splitrun.model import Models, assemble
from splitrun.plan import LinkTiming, Op, Plan, compile
from splitrun.runtime.clock import now
from splitrun.session.feeds import feeds
from splitrun.simulate import Cost, Costs, Timed, calibrate, with_depth
from splitrun.spec import Spec
from splitrun.spec.model import Pipeline
from splitrun.spec.model.section import Section

_DEPTH = 4
_SMALLER = 4
"""The second batch size is this many times smaller: two tell fixed costs from those per row."""
_ROUNDS, _MOST_ROUNDS = 3, 8
"""Every kind of run has one turn a round, those with pauses after all others."""
_ALIKE = 1.05
"""When the two fastest turns of every kind differ by no more than this, there have been enough; the
slower of them counts."""
_WARM_UP_S = 0.5
_TURN_S = 0.15
_PAUSE_S = 8e-3
"""After which caches have forgotten what they can forget."""
_NEXT_TO_NOTHING = 1e-30
"""A learning rate that changes no weight, and costs what any other does."""
_FEWEST_STEPS, _MOST_STEPS = 12, 64
"""Steps of a turn, about 0.15 s of them."""


@dataclass(frozen=True)
class Probed:
    """What was measured, on models made for it and dropped."""

    costs: Costs
    pipelines: bool
    """Whether the models can be trained with several batches in flight."""


def probe_costs(spec: Spec, data: Data, directory: Path) -> Probed:
    """Measure what the instructions of a spec's roles cost.

    Raises:
        RunFailed: a role failed.
    """
    full = min(spec.dataset.batch_size, len(data.train_ids))
    small = min(full, max(2, full // _SMALLER))
    subject, pipelines = _subject(spec, data, directory)
    steps = _turn_steps(subject, full)
    serial = _Course(subject, "serial", full, steps)
    smaller = _Course(subject, "serial", small, steps)
    paused = _Course(subject, "threaded", full, _FEWEST_STEPS, latency_s=_PAUSE_S)
    sequential = _Course(subject, "threaded", full, steps)
    pipelined = _Course(subject, "threaded", full, steps, depth=_DEPTH)
    _take_turns([serial, smaller, sequential, *([pipelined] if pipelines else [])], _MOST_ROUNDS)
    _take_turns([paused], _ROUNDS)
    costs = calibrate(
        _costs(serial, smaller, paused),
        sequential.timed(),
        pipelined.timed() if pipelines else None,
        paused.timed(),
        _cores(),
    )
    return Probed(costs, pipelines)


@dataclass(frozen=True)
class _Subject:
    spec: Spec
    data: Data
    models: Models


def _subject(spec: Spec, data: Data, directory: Path) -> tuple[_Subject, bool]:
    """Models to run, and whether they can be pipelined."""
    pipeline = Pipeline(schedule="stale", depth="auto", compensation=spec.pipeline.compensation)
    spec = _standing_still(spec)
    stale = spec.model_copy(update={"pipeline": pipeline})
    try:
        return _Subject(stale, data, assemble(stale, data, directory)), True
    except SpecError:
        return _Subject(spec, data, assemble(spec, data, directory)), False


def _standing_still(spec: Spec) -> Spec:
    """The spec with learning rates so low that no number of turns makes weights diverge."""

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


def _turn_steps(subject: _Subject, batch_size: int) -> int:
    """Steps that take about as long as a turn should.

    On the way everything warms up, the processor too: the one that this was written on runs 1.6
    times as fast after some tenths of a second of work as after a pause.
    """
    trial, start = _Course(subject, "threaded", batch_size, _FEWEST_STEPS), now()
    trial.run()
    while now() - start < _WARM_UP_S:
        trial.run()
    return min(_MOST_STEPS, max(_FEWEST_STEPS, int(_TURN_S / trial.timed().period_s)))


def _take_turns(courses: Sequence[_Course], most_rounds: int) -> None:
    """Until the fastest turn of each could be repeated, or there is no hope of it.

    Neighbours on the same processor slow a virtual machine down, by a half for seconds, and nothing
    speeds it up: what is fast is nearest to the machine itself.
    """
    for number in range(1, most_rounds + 1):
        for course in courses:
            course.run()
        if number >= _ROUNDS and all(course.settled for course in courses):
            return


@dataclass(frozen=True)
class _Turn:
    """What one turn took, a step in the mean; instructions in the mean of the middle half."""

    period_s: float
    work_s: Mapping[tuple[str, Op], float]


class _Course:
    """One way to run the programs, and what its turns took."""

    def __init__(
        self,
        subject: _Subject,
        kind: Literal["serial", "threaded"],
        batch_size: int,
        steps: int,
        *,
        depth: int = 1,
        latency_s: float = 0.0,
    ) -> None:
        data, rows = subject.data, (steps + depth) * batch_size
        rows = min(rows, len(data.train_ids) // batch_size * batch_size)
        self._data = replace(data, train_ids=data.train_ids[:rows], test_ids=data.test_ids[:0])
        self._subject = subject
        self._kind = kind
        plan = _bare(subject, rows, batch_size, steps + depth)
        self.plan = with_depth(_over_links(plan, latency_s) if latency_s else plan, depth)
        self._warm_up = depth
        self._turns: list[_Turn] = []

    def run(self) -> None:
        """Take one turn."""
        plan, clocked = self.plan, _Clocked()
        bottoms, top = self._subject.models.stages(self._subject.spec, plan)
        runtime.run(
            plan,
            bottoms,
            top,
            feeds(self._data, plan),
            lambda *_: {},
            runtime=self._kind,
            intra_op_threads=self._subject.spec.runtime.intra_op_threads,
            emit=clocked,
            attend=lambda: None,
        )
        ends = []
        work: dict[tuple[str, Op], list[float]] = defaultdict(list)
        for event, work_s in clocked.spans:
            op = Op(event.op)
            if event.step < self._warm_up or op is Op.DRAIN:
                continue
            work[event.role, op].append(work_s)
            if op is Op.UPDATE and event.role == plan.top.name:
                ends.append(event.end)
        period_s = (ends[-1] - ends[0]) / (len(ends) - 1)
        self._turns.append(_Turn(period_s, {of: _middle(each) for of, each in work.items()}))

    @property
    def settled(self) -> bool:
        """Whether the two fastest turns were as fast as each other."""
        fastest, typical = self._by_speed[0], self._typical
        return fastest is not typical and typical.period_s <= _ALIKE * fastest.period_s

    def timed(self) -> Timed:
        """Seconds a step."""
        return Timed(self.plan, self._typical.period_s)

    def work_s(self) -> Mapping[tuple[str, Op], float]:
        """Processor seconds of an instruction, by role and operation."""
        return self._typical.work_s

    @property
    def _typical(self) -> _Turn:
        """The second fastest turn: one that was repeated."""
        return self._by_speed[min(1, len(self._turns) - 1)]

    @property
    def _by_speed(self) -> Sequence[_Turn]:
        return sorted(self._turns, key=lambda turn: turn.period_s)


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


def _bare(subject: _Subject, rows: int, batch_size: int, steps: int) -> Plan:
    """So many steps over so many rows: no links, no emulated hardware, no evaluation."""
    plan = compile(subject.spec, subject.models.facts)
    return replace(
        plan,
        facts=replace(plan.facts, train_rows=rows, test_rows=0),
        batch_size=batch_size,
        epochs=-(-steps * batch_size // rows),
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


def _costs(serial: _Course, smaller: _Course, paused: _Course) -> Costs:
    """What instructions cost by themselves: at two batch sizes, and after pauses."""
    small, full = smaller.plan.batch_size, serial.plan.batch_size
    roles: dict[str, dict[Op, Cost]] = defaultdict(dict)
    at_small, after_pause = smaller.work_s(), paused.work_s()
    for (role, op), work_s in serial.work_s().items():
        line = _line(small, at_small[role, op], full, work_s)
        cold_s = 0.0 if op is Op.RECV else max(0.0, after_pause[role, op] - work_s)
        roles[role][op] = replace(line, cold_s=cold_s)  # a RECV spends the end of its wait yielding
    return Costs(roles, 1.0)


def _middle(values: Sequence[float]) -> float:
    """The mean of the middle half."""
    quarter = len(values) // 4
    return statistics.fmean(sorted(values)[quarter : len(values) - quarter])


def _line(small: int, at_small_s: float, full: int, at_full_s: float) -> Cost:
    """The line through two batch sizes; neither part of it is negative."""
    per_row_s = max(0.0, (at_full_s - at_small_s) / (full - small)) if full > small else 0.0
    per_row_s = min(per_row_s, at_full_s / full)
    return Cost(at_full_s - per_row_s * full, per_row_s)


def _cores() -> float:
    return float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
