"""What a grid came to, cell by cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from msgspec import structs

from splitrun.records.bench import (
    BenchHeader,
    BenchRecord,
    BenchWarning,
    CellRecord,
)
from splitrun.records.comparison import TrialRecord
from splitrun.study.bench.grid import Axis
from splitrun.study.bench.measure import Measured, ReliabilityWarning
from splitrun.study.bench.store import Report, ResultTable
from splitrun.units import SCREEN

_SHOWN = ("samples/s", "95 %", "ms a step", "speedup", "CPU", "memory")
_NUMBERS = (
    "samples_per_s",
    "samples_per_s_low",
    "samples_per_s_high",
    "step_ms",
    "speedup",
    "cpu_percent",
    "peak_memory_bytes",
    "trials",
    "problem",
)
_UNKNOWN = "–"


@dataclass(frozen=True)
class CellResult:
    """One cell: measured, or the reason why not."""

    parameters: Mapping[str, str]
    """Of every axis its value, as it was written."""
    measured: Measured | None = None
    problem: str = ""
    failed: bool = False
    """Whether the run itself broke."""
    reused: bool = False
    """Whether an earlier bench measured it."""
    reliability_warnings: tuple[ReliabilityWarning, ...] = ()

    @property
    def name(self) -> str:
        """The cell in words: `pipeline.depth=4 seed=7`."""
        words = " ".join(f"{key}={label}" for key, label in self.parameters.items())
        return words or "the spec as it is"

    @property
    def fate(self) -> str:
        """What became of it."""
        if self.measured is not None:
            return "measured before" if self.reused else "measured"
        return "failed" if self.failed else "not run"


@dataclass(frozen=True)
class Results:
    """The cells that are done, in the grid's order."""

    header: BenchHeader
    axes: tuple[Axis, ...]
    baseline: Mapping[str, str]
    """Axes' values that the cell has which another one is compared with; its other values are
    theirs. Empty: the grid's first cell is it, for all of them."""
    cells: tuple[CellResult, ...]

    @property
    def cores(self) -> int:
        """Of this machine, as far as this process may use them."""
        return self.header.environment.cores or self.header.all_cores

    @property
    def warnings(self) -> list[str]:
        """A line for every kind of thing that makes figures doubtful."""
        found: dict[str, list[str]] = {}
        for cell in self.cells:
            for warning in cell.reliability_warnings:
                found.setdefault(warning.kind, []).append(f"{cell.name}: {warning.text}")
        several = "{} cells, first at {}"
        lines = [
            texts[0] if len(texts) == 1 else several.format(len(texts), texts[0])
            for texts in found.values()
        ]
        load, cores = self.header.load_average, self.header.all_cores
        if load > cores:
            what = f"the load average was {load:.1f} on {cores} cores at the start"
            lines.insert(0, f"{what}; measure again when less is going on")
        return lines

    @property
    def problems(self) -> list[str]:
        """A line for every cell without figures: why."""
        return [
            f"{cell.name}: {cell.fate}: {' '.join(cell.problem.split())}"
            for cell in self.cells
            if cell.measured is None
        ]

    def speedup(self, cell: CellResult) -> float | None:
        """Its throughput by its reference's; None where one of the two was not measured.

        The two ran one after the other, so a machine that changed its pace in between is in it.
        """
        reference = self._reference(cell)
        if cell.measured is None or reference is None or reference.measured is None:
            return None
        return cell.measured.samples_per_s.median / reference.measured.samples_per_s.median

    def report(self) -> Report:
        """What there is to print and to export."""
        keys = tuple(axis.key for axis in self.axes)
        speedups = [(cell, self.speedup(cell)) for cell in self.cells]
        before = sum(cell.reused for cell in self.cells)
        remark = f"{before} of {len(self.cells)} cells were measured before; --fresh measures again"
        compared = " ".join(f"{key}={label}" for key, label in self.baseline.items())
        return Report(
            shown=ResultTable((*_short(keys), *_SHOWN), tuple(_shown(*each) for each in speedups)),
            names=len(keys),
            lines=(
                f"speedup: against {compared or 'the first cell'}; {self._how}",
                *([remark] if before else []),
                *self.problems,
                *(f"warning: {line}" for line in self.warnings),
                f"results: {self.header.directory}",
            ),
            numbers=ResultTable((*keys, *_NUMBERS), tuple(_numbers(*each) for each in speedups)),
            record=BenchRecord(
                **structs.asdict(self.header),
                axes={axis.key: tuple(point.label for point in axis.points) for axis in self.axes},
                baseline=self.baseline,
                cells=tuple(_record(*each) for each in speedups),
                warnings=tuple(self.warnings),
            ),
        )

    @property
    def _how(self) -> str:
        """Where and when cells run."""
        nodes = self.header.nodes
        if not nodes:
            return "cells run one after the other"
        return f"each cell ran alone on one of {SCREEN.plural(len(nodes), 'node')}"

    def _reference(self, cell: CellResult) -> CellResult | None:
        first = {axis.key: axis.points[0].label for axis in self.axes}
        wanted = {**cell.parameters, **self.baseline} if self.baseline else first
        return next((other for other in self.cells if other.parameters == wanted), None)


def _short(keys: Sequence[str]) -> list[str]:
    """Each key's last part, or all of it where another one ends in that part, too."""
    last = [key.rpartition(".")[2] for key in keys]
    return [part if last.count(part) == 1 else key for key, part in zip(keys, last, strict=True)]


def _shown(cell: CellResult, speedup: float | None) -> tuple[str, ...]:
    labels = tuple(cell.parameters.values())
    measured = cell.measured
    if measured is None:
        return (*labels, cell.fate, *[_UNKNOWN] * (len(_SHOWN) - 1))
    rate = measured.samples_per_s
    ends = rate.interval.ci95
    return (
        *labels,
        SCREEN.whole(rate.median),
        f"±{max(ends[1] / rate.median - 1, 1 - ends[0] / rate.median):.0%}" if ends else _UNKNOWN,
        f"{measured.step_ms:,.2f}",
        f"{speedup:.2f}" if speedup else _UNKNOWN,
        f"{measured.cpu_percent:.0f} %",
        SCREEN.size(measured.peak_memory_bytes),
    )


def _numbers(cell: CellResult, speedup: float | None) -> tuple[Any, ...]:
    labels = tuple(cell.parameters.values())
    measured = cell.measured
    if measured is None:
        return (*labels, *[None] * (len(_NUMBERS) - 1), cell.problem)
    rate = measured.samples_per_s
    return (
        *labels,
        rate.median,
        *(rate.interval.ci95 or (None, None)),
        measured.step_ms,
        speedup,
        measured.cpu_percent,
        measured.peak_memory_bytes,
        len(measured.trials),
        None,
    )


def _record(cell: CellResult, speedup: float | None) -> CellRecord:
    measured, parameters = cell.measured, dict(cell.parameters)
    if measured is None:
        return CellRecord(parameters=parameters, status=cell.fate, problem=cell.problem)
    return CellRecord(
        parameters=parameters,
        status=cell.fate,
        schedule=measured.schedule,
        depth=measured.depth,
        micro_batches=measured.micro_batches,
        batch_size=measured.batch_size,
        runtime=measured.runtime,
        steps=measured.steps,
        samples_per_s=measured.samples_per_s.to_record(),
        step_ms=measured.step_ms,
        speedup=speedup,
        cpu_percent=measured.cpu_percent,
        peak_memory_bytes=measured.peak_memory_bytes,
        others_percent=measured.others_percent,
        trials=tuple(TrialRecord(**asdict(trial)) for trial in measured.trials),
        warnings=tuple(
            BenchWarning(kind=warning.kind, text=warning.text)
            for warning in cell.reliability_warnings
        ),
    )
