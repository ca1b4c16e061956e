"""What part of the bound threads reach, on emulated hardware and on this machine's."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.plan import Op
from splitrun.simulate import Cost, Costs, bound
from splitrun.spec import Document
from tests.benchmarks.cases import WAN, Case, way
from tests.benchmarks.measuring import (
    at_depth,
    median_samples_per_s,
    probed,
    stretch,
    subject_of,
)

HEADER = (
    "| work | depth | bound, ms a step | measured | of the bound | aim |\n|---|---|---|---|---|---|"
)
STEPS = 200
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
    (1, 4): 0.85,
    (1, 8): 0.85,
}
"""By the busiest role's milliseconds a step, and the depth."""


def measure(repeats: int) -> Iterator[str]:
    """Rows of a Markdown table."""
    yield f"\nEmulated hardware\n\n{HEADER}"
    for (period_ms, depth), aim in AIMS.items():
        yield _emulated(period_ms, depth, aim, repeats)
    yield f"\nThis machine's: two MLPs, batch 1,024, `wan`\n\n{HEADER}"
    document = Case("real", batch_size=1024, links=WAN).document()
    for depth in (1, 2, 4, 8):
        yield _real(at_depth(document, depth), depth, repeats)


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


def _emulated(period_ms: float, depth: int, aim: float, repeats: int) -> str:
    document = at_depth(emulated(period_ms), depth)
    experiment = probed(document)
    subject = subject_of(experiment, document, STEPS)
    plan = subject.plan()
    free = Costs({role.name: {Op.LOAD: Cost()} for role in plan.roles}, 1000.0)
    limit = bound(plan, free).segment_samples_per_s
    found = median_samples_per_s(subject, repeats)
    return _row(f"{period_ms} ms", depth, plan.rows(0), limit, found, aim)


def _real(document: Document, depth: int, repeats: int) -> str:
    experiment = probed(document)
    assert experiment.costs is not None
    subject = subject_of(experiment, document, stretch(experiment, experiment.plan, 0, STEPS))
    plan = subject.plan()
    limit = bound(plan, experiment.costs).segment_samples_per_s
    found = median_samples_per_s(subject, repeats)
    return _row("", depth, plan.rows(0), limit, found, 0.95)


def _row(name: str, depth: int, rows: int, limit: float, found: float, aim: float) -> str:
    times = f"{rows / limit * 1e3:.2f} | {rows / found * 1e3:.2f}"
    return f"| {name} | {depth} | {times} | {found / limit:.3f} | {aim:.2f} |"
