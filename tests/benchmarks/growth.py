"""How time, memory, recordings and reports grow with parties, depth, slices, rows and steps.

Every run is a process of its own. Sizes are measured round by round, so that a machine whose speed
drifts tilts no slope.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import psutil
import yaml

from tests.benchmarks.on_paper import Cluster, Measured, on_paper
from tests.benchmarks.one_run import Figures, figures_of
from tests.benchmarks.slopes import exponent, upper_exponent, verdict
from tests.benchmarks.versions import EMBEDDING

WIDTH = 32
"""Of every cut, in float32."""
COLUMNS = 8
"""Of each party."""
STEPS = 120
DEPTH_STEPS = 320
"""Of which even the deepest pipeline fills and drains in few."""
LARGE_BATCH = 1024
ROW_BATCH = 8192
"""Of the runs on many rows, so that an epoch of them isn't long."""
MOST_OF_MEMORY = 0.6
"""A size whose run would take more of the memory that is free is left out."""

Sizes = tuple[int, ...]
Read = Callable[[Figures], float]

TOP = "p0.top"
PARTIES: Sizes = (2, 4, 8, 16, 32, 64)
DEPTHS: Sizes = (1, 2, 4, 8, 16, 32, 64)
MICRO_BATCHES: Sizes = (1, 2, 4, 8, 16, 32)
ROWS: Sizes = (10**4, 10**5, 10**6, 10**7)
TABLE_ROWS: Sizes = (10**4, 10**5, 10**6, 10**7, 10**8)
RUN_STEPS: Sizes = (100, 1_000, 10_000)


@dataclass(frozen=True)
class Growth:
    """What grows with what."""

    name: str
    sizes: Sizes
    spec: Callable[[int], str]
    columns: Mapping[str, tuple[Read, str]]
    """What is read of a run, and its format, by title."""


def spec(
    *,
    parties: int = 2,
    batch_size: int = 128,
    rows: int = 0,
    steps: int = 0,
    pipeline: Mapping[str, object] | None = None,
    runtime: str = "threaded",
) -> str:
    """An experiment with a perceptron for each party; rows fill 16 batches if none are given."""
    rows, steps = rows or 16 * batch_size, steps or STEPS
    owners = [f"p{number}" for number in range(parties)]
    content = {
        "name": "growth",
        "dataset": {
            "type": "synthetic",
            "rows": rows,
            "numeric": COLUMNS,
            "test_fraction": 0,
            "batch_size": batch_size,
        },
        "parties": {it: {"bottom": {"type": "mlp", "hidden": [64], "out": WIDTH}} for it in owners},
        "top": {
            "party": owners[0],
            "loss": "binary_cross_entropy",
            "model": {"type": "mlp", "hidden": [64], "out": 1},
        },
        "training": {
            "epochs": -(-steps // -(-rows // batch_size)),
            "optimizer": {"type": "adam", "lr": 0.001},
        },
        "pipeline": dict(pipeline or {"schedule": "sequential"}),
        "runtime": runtime,
    }
    return yaml.safe_dump(content, sort_keys=False)


def _at_depth(depth: int) -> str:
    pipeline = {"schedule": "stale", "depth": depth} if depth > 1 else None
    return spec(batch_size=LARGE_BATCH, steps=DEPTH_STEPS, pipeline=pipeline)


def _in_slices(number: int) -> str:
    pipeline = {"schedule": "microbatch", "micro_batches": number} if number > 1 else None
    return spec(batch_size=LARGE_BATCH, pipeline=pipeline)


def _embedding(rows: int) -> str:
    return EMBEDDING % (128, rows, rows, 1)


def top_ms(figures: Figures) -> float:
    """The top's part of a step that one thread does, in processor time: what others take of the
    core is not in it."""
    return figures.work_ms[TOP] * figures.cpu_ms / figures.step_ms


def bottom_ms(figures: Figures) -> float:
    """A bottom's, in the mean of all."""
    each = [work_ms for role, work_ms in figures.work_ms.items() if role != TOP]
    return sum(each) / len(each) * figures.cpu_ms / figures.step_ms


_STEP: Mapping[str, tuple[Read, str]] = {
    "ms a step": (lambda it: it.step_ms, ".2f"),
    "processor ms a step": (lambda it: it.cpu_ms, ".2f"),
    "most memory, MiB": (lambda it: it.memory_mib, ",.0f"),
}
_TABLE = {title: column for title, column in _STEP.items() if not title.startswith("processor")}
"""Most of the processor time of a short run on large tables goes into saving them."""
_PREPARE: Mapping[str, tuple[Read, str]] = {
    "to prepare, s": (lambda it: it.prepare_s, ".2f"),
    "processor s": (lambda it: it.prepare_cpu_s, ".2f"),
}
_EVENTS: Mapping[str, tuple[Read, str]] = {
    "events a step": (lambda it: it.events, ",.0f"),
    "recorded bytes a step": (lambda it: it.recorded_bytes, ",.0f"),
}
_ROLES: Mapping[str, tuple[Read, str]] = {
    "a bottom's work, ms a step": (bottom_ms, ".3f"),
    "the top's, ms a step": (top_ms, ".3f"),
}
_REPORT: Mapping[str, tuple[Read, str]] = {
    "the report, bytes": (lambda it: it.report_bytes, ",.0f"),
    "to write it, s": (lambda it: it.report_s, ".2f"),
}


def growths() -> Mapping[str, Growth]:
    """The tables."""
    large = f"batch {LARGE_BATCH:,}"
    return {
        "threads": Growth(
            "parties, in threads",
            PARTIES,
            lambda parties: spec(parties=parties),
            {**_STEP, **_PREPARE, **_EVENTS},
        ),
        "serial": Growth(
            f"parties, one after the other, {large}",
            PARTIES,
            lambda parties: spec(
                parties=parties, batch_size=LARGE_BATCH, steps=STEPS // 3, runtime="serial"
            ),
            {**_STEP, **_ROLES},
        ),
        "depth": Growth(f"depth, {large}", DEPTHS, _at_depth, {**_STEP, **_EVENTS}),
        "slices": Growth(
            f"micro-batches, {large}", MICRO_BATCHES, _in_slices, {**_STEP, **_EVENTS}
        ),
        "rows": Growth(
            f"rows, batch {ROW_BATCH:,}",
            ROWS,
            lambda rows: spec(batch_size=ROW_BATCH, rows=rows, steps=STEPS // 4, runtime="serial"),
            {**_STEP, **_PREPARE},
        ),
        "tables": Growth(
            "rows of two embedding tables", TABLE_ROWS, _embedding, {**_TABLE, **_PREPARE}
        ),
        "steps": Growth(
            "steps",
            RUN_STEPS,
            lambda steps: spec(steps=steps, runtime="serial"),
            {**_STEP, **_EVENTS, **_REPORT},
        ),
    }


def measure(repeats: int) -> Iterator[str]:
    """A table for each growth, and what they come to on paper."""
    found: dict[str, Measured] = {}
    for key, growth in growths().items():
        runs = _measured(growth, repeats)
        found[key] = Measured(
            sizes=tuple(runs),
            values={
                title: tuple(median(map(read, figures)) for figures in runs.values())
                for title, (read, _) in growth.columns.items()
            },
        )
        yield from _table(growth, found[key], len(growth.sizes) - len(runs))
    large = Cluster(batch_size=LARGE_BATCH, width=WIDTH)
    yield from on_paper(found["threads"], found["serial"], found["rows"], found["tables"], large)


def _measured(growth: Growth, repeats: int) -> Mapping[int, Sequence[Figures]]:
    """By size, those that memory does not allow left out."""
    found: dict[int, list[Figures]] = {}
    for size in growth.sizes:
        if found and not _fits(*list(found.items())[-1], size):
            break
        found[size] = [figures_of(growth.spec(size))]
    for _ in range(repeats - 1):
        for size, figures in found.items():
            figures.append(figures_of(growth.spec(size)))
    return found


def _fits(smaller: int, runs: Sequence[Figures], size: int) -> bool:
    """Whether the memory that is free would do for a size, by the run of a smaller one."""
    free_mib = psutil.virtual_memory().available / 2**20
    return runs[0].memory_mib * size / smaller <= MOST_OF_MEMORY * free_mib


def _table(growth: Growth, measured: Measured, left_out: int) -> Iterator[str]:
    titles = list(growth.columns)
    yield f"\n| {growth.name} | {' | '.join(titles)} |\n|---|{'---|' * len(titles)}"
    for index, size in enumerate(measured.sizes):
        cells = [
            format(measured.values[title][index], style)
            for title, (_, style) in growth.columns.items()
        ]
        yield f"| {size:,} | {' | '.join(cells)} |"
    if len(measured.sizes) < 2:
        return
    upper = {}
    for name, fit in (("exponent", exponent), ("of the larger half", upper_exponent)):
        upper = {title: fit(measured.sizes, measured.values[title]) for title in titles}
        yield f"| {name} | {' | '.join(f'{each:.2f}' for each in upper.values())} |"
    yield f"\n{verdict(growth.name, upper)}"
    for size in growth.sizes[len(growth.sizes) - left_out :]:
        yield f"{size:,} is left out: it would not fit into the memory that is free."
