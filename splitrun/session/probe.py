"""What a spec's instructions cost on this machine, measured with its roles running together.

Roles in threads share more than cores: small operations spend much of their time under Python's
lock, of which there is one. So the costs are measured on the plan's own programs in the threaded
runtime, without links and emulated hardware. *Work* is the processor time of a role's thread; how
much of it all roles get done per second while two or more of them run is the effective cores.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from splitrun import runtime
from splitrun.data import Data
from splitrun.events import Event, Executed
from splitrun.model import assemble
from splitrun.plan import Op, Plan, compile
from splitrun.session.feeds import feeds
from splitrun.simulate import Cost, Costs, with_depth
from splitrun.spec import Spec

_STEPS = 48
"""Probed at each batch size, after as many warm-up steps as the pipeline is deep."""
_DEPTH = 4
_SMALLER = 4
"""The second batch size is this many times smaller: two tell fixed costs from those per row."""


def probe_costs(spec: Spec, data: Data, directory: Path) -> Costs:
    """Measure what the instructions of a spec's roles cost, on models made for it and dropped.

    Raises:
        RunFailed: a role failed.
    """
    full = min(spec.dataset.batch_size, len(data.train_ids))
    small = max(2, full // _SMALLER)
    at_full = _measure(spec, data, directory, full)
    at_small = _measure(spec, data, directory, small) if small < full else at_full
    roles = {
        role: {
            op: _line(small, at_small.work_s[role][op], full, work_s)
            for op, work_s in operations.items()
        }
        for role, operations in at_full.work_s.items()
    }
    return Costs(roles, at_full.effective_cores)


@dataclass
class _Clocked:
    """An `emit` that notes each role's processor time, in the role's own thread."""

    spans: list[tuple[Executed, float]] = field(default_factory=list)
    """Each instruction with the processor seconds since the role's one before."""
    _thread: threading.local = field(default_factory=threading.local)

    def __call__(self, event: Event) -> None:
        if isinstance(event, Executed):
            now = time.thread_time()
            self.spans.append((event, now - getattr(self._thread, "last", now)))
            self._thread.last = time.thread_time()


@dataclass(frozen=True)
class _Measured:
    work_s: Mapping[str, Mapping[Op, float]]
    effective_cores: float


def _measure(spec: Spec, data: Data, directory: Path, batch_size: int) -> _Measured:
    rows = min(len(data.train_ids), (_STEPS + _DEPTH) * batch_size)
    data = replace(data, train_ids=data.train_ids[:rows], test_ids=data.test_ids[:0])
    models = assemble(spec, data, directory)
    plan = _bare(compile(spec, models.facts), batch_size)
    bottoms, top = models.stages(spec, plan)
    clocked = _Clocked()
    runtime.run(
        plan,
        bottoms,
        top,
        feeds(data, plan),
        lambda *_: {},
        runtime="threaded",
        intra_op_threads=spec.runtime.intra_op_threads,
        emit=clocked,
        attend=lambda: None,
    )
    warm = [
        (event, work_s)
        for event, work_s in clocked.spans
        if event.step >= min(plan.depth, plan.steps - 1) and event.op != Op.DRAIN
    ]
    return _Measured(_work(warm), _effective_cores(warm))


def _bare(plan: Plan, batch_size: int) -> Plan:
    """The plan as a pipeline of whole batches: no links, no emulated hardware, no evaluation."""
    plan = replace(
        plan,
        batch_size=batch_size,
        epochs=-(-_STEPS * batch_size // plan.facts.train_rows),
        evaluate_every_epochs=None,
        channels=tuple(replace(channel, timing=None) for channel in plan.channels),
        bottoms=tuple(replace(bottom, compute=None) for bottom in plan.bottoms),
        top=replace(plan.top, compute=None),
    )
    return with_depth(plan, min(_DEPTH, plan.steps))


def _work(spans: Iterable[tuple[Executed, float]]) -> Mapping[str, Mapping[Op, float]]:
    """Processor seconds of an instruction, by role and operation: the mean of the middle half."""
    found: dict[str, dict[Op, list[float]]] = defaultdict(lambda: defaultdict(list))
    for event, work_s in spans:
        found[event.role][Op(event.op)].append(work_s)
    return {
        role: {op: _middle_mean(values) for op, values in operations.items()}
        for role, operations in found.items()
    }


def _middle_mean(values: list[float]) -> float:
    ordered = sorted(values)
    quarter = len(ordered) // 4
    return statistics.fmean(ordered[quarter : len(ordered) - quarter])


def _effective_cores(spans: Iterable[tuple[Executed, float]]) -> float:
    """Work done per second while two or more roles are at it.

    While one role works alone it gets one core, so the work that was not done then was done
    together. At least 0.9 and at most the machine's cores, whatever the noise.
    """
    spans = list(spans)
    alone_s = together_s = 0.0
    active, since = 0, 0.0
    edges = [(event.start, 1) for event, _ in spans if event.op != Op.RECV]
    edges += [(event.end, -1) for event, _ in spans if event.op != Op.RECV]
    for at, change in sorted(edges):
        if active == 1:
            alone_s += at - since
        elif active > 1:
            together_s += at - since
        active, since = active + change, at
    work_s = sum(work_s for _, work_s in spans)
    most = float(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
    if together_s <= 0:
        return most
    return min(most, max(0.9, (work_s - alone_s) / together_s))


def _line(small: int, at_small_s: float, full: int, at_full_s: float) -> Cost:
    """The line through two batch sizes; neither part of it is negative."""
    per_row_s = max(0.0, (at_full_s - at_small_s) / (full - small)) if full > small else 0.0
    per_row_s = min(per_row_s, at_full_s / full)
    return Cost(at_full_s - per_row_s * full, per_row_s)
