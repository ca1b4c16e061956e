"""What part of the bound threads reach, on emulated hardware and on this machine's; and what a
step loses, which is to be compared between two versions of the code in the same minute."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from statistics import median
from types import MappingProxyType
from typing import cast

import torch

from splitrun.events import Event
from splitrun.model import Stage
from splitrun.plan import Op, Plan
from splitrun.runtime import Job, Observer, RoleWork, find_runtime
from splitrun.runtime.clock import now
from splitrun.session import prepare
from splitrun.simulate import Cost, Costs, bound
from splitrun.spec import Document
from splitrun.study.timing import shorten
from splitrun.study.training import Subject, train_fresh
from tests.benchmarks import machine
from tests.benchmarks.cases import WAN, Case, way
from tests.benchmarks.measuring import at_depth, probed, subject_of

HEADER = (
    "| work | depth | bound, ms a step | measured | lost, µs a step | of the bound | aim |\n"
    "|---|---|---|---|---|---|---|"
)
STEPS = 200
DEPTHS = (1, 2, 4, 8)
"""Of the pipelines whose hardware is this machine's."""
AIMS = {
    (10, 1): 0.95,
    (10, 2): 0.95,
    (10, 4): 0.97,
    (10, 8): 0.97,
    (5, 1): 0.95,
    (5, 2): 0.95,
    (5, 4): 0.97,
    (5, 8): 0.97,
    (3, 4): 0.93,
    (3, 8): 0.93,
    (1, 4): 0.80,
    (1, 8): 0.80,
}
"""By the busiest role's milliseconds a step, and the depth; for a machine whose handover takes no
longer than the next."""
LONGEST_HANDOVER_S = 50e-6
_WAITS = 6
"""In the loop of a batch, one after the other: forward, up the link, loss, down, backward, update.
With several batches in flight a bottom's own three are in each step."""


def measure(repeats: int) -> Iterator[str]:
    """Rows of Markdown tables."""
    yield from _beside()
    for title, seconds in (("nothing but wait", _idle_s), ("are tiny", _trained_s)):
        yield f"\nEmulated hardware, on top of stages that {title}\n\n{HEADER}"
        for (period_ms, depth), aim in AIMS.items():
            yield _emulated(period_ms, depth, aim, seconds, repeats)
    yield f"\nThis machine's: two MLPs, batch 1,024, `wan`\n\n{HEADER}"
    document = Case("real", batch_size=1024, links=WAN).document()
    for depth in DEPTHS:
        yield _real(at_depth(document, depth), depth, repeats)


def _beside() -> Iterator[str]:
    here = machine.this_machine()
    each_us = {cores: spread.median * 1e6 for cores, spread in here.handover_s.items()}
    told = " and ".join(f"{each:.0f} µs on {cores}" for cores, each in each_us.items())
    most_us = LONGEST_HANDOVER_S * 1e6
    yield f"A handover takes {told} of the cores; aims are for {most_us:.0f} µs at most."
    late_us = here.wait_s.mean * 1e6
    yield (
        f"A wait ends {late_us:.1f} µs late in the mean, so that a step loses "
        f"{_WAITS * late_us:.0f} µs at least at depth 1 and {_WAITS / 2 * late_us:.0f} at others."
    )


def emulated(period_ms: float) -> Document:
    """Bottoms that work `period_ms` a step, a top that works less, and a link of one period."""
    compute = {
        "forward_ms": 0.4 * period_ms,
        "backward_ms": 0.4 * period_ms,
        "update_ms": 0.2 * period_ms,
        "loss_ms": 0.6 * period_ms,
    }
    return Case(
        "emulated",
        batch_size=32,
        links={"default": way(period_ms)},
        compute=compute,
        bottom={"type": "mlp", "hidden": [], "out": 4},
        optimizer={"type": "sgd", "lr": 0.01},
    ).document()


class _Idle:
    """A stage that has its results already: what an instruction takes is its nominal duration."""

    staleness = 0
    peak_bytes: Mapping[str, int] = MappingProxyType({})

    def __init__(self, plan: Plan, width: int) -> None:
        self._cut: tuple[torch.Tensor, ...] = (torch.zeros(plan.rows(0), width),)
        self._cuts: list[tuple[torch.Tensor, ...]] = [self._cut] * len(plan.bottoms)

    def forward(self, *_: object) -> tuple[torch.Tensor, ...]:
        return self._cut

    def backward(self, *_: object) -> None:
        pass

    def loss(self, *_: object) -> tuple[float, list[tuple[torch.Tensor, ...]]]:
        return 0.5, self._cuts

    def update(self) -> None:
        pass


def _idle_s(subject: Subject) -> float:
    """Seconds of a run on idle stages, from before its threads start until they have ended."""
    plan, stage = subject.plan(), cast("Stage", _Idle(subject.plan(), width=4))
    batches = subject.parties.feeds(plan)
    roles = {name: RoleWork(stage, fed) for name, fed in batches.items()}
    events: deque[Event] = deque()
    gc.collect()
    start = now()
    find_runtime("threaded")(Job(plan, roles, digests=False), Observer(events.append))
    return now() - start


def _trained_s(subject: Subject) -> float:
    """Seconds of a run, by its own statistics."""
    return train_fresh(subject, "threaded").statistics.train_s


def _emulated(
    period_ms: float, depth: int, aim: float, seconds: Callable[[Subject], float], repeats: int
) -> str:
    document = at_depth(emulated(period_ms), depth)
    experiment = prepare(document)
    subject = subject_of(experiment, document, STEPS)
    plan = subject.plan()
    free = Costs({role.name: {Op.LOAD: Cost()} for role in plan.roles}, 1000.0)
    seconds(shorten(subject, 12))
    found_s = median(seconds(subject) for _ in range(repeats))
    return _row(f"{period_ms} ms", depth, plan.steps, bound(plan, free).segment_s, found_s, aim)


def _real(document: Document, depth: int, repeats: int) -> str:
    experiment = probed(document)
    assert experiment.costs is not None
    subject = subject_of(experiment, document, STEPS)
    plan = subject.plan()
    limit_s = bound(plan, experiment.costs).segment_s
    found_s = median(_trained_s(subject) for _ in range(repeats))
    return _row("", depth, plan.steps, limit_s, found_s, 0.95)


def _row(name: str, depth: int, steps: int, limit_s: float, found_s: float, aim: float) -> str:
    times = f"{limit_s / steps * 1e3:.2f} | {found_s / steps * 1e3:.2f}"
    lost_us = (found_s - limit_s) / steps * 1e6
    return f"| {name} | {depth} | {times} | {lost_us:.0f} | {limit_s / found_s:.3f} | {aim:.2f} |"
