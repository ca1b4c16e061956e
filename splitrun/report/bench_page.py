"""The pages of a bench: a grid of cells, or how steadily one long run went."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from splitrun import units
from splitrun.records.bench import BenchRecord, CellRecord, SoakRecord
from splitrun.report.appendix import appendix
from splitrun.report.bench_charts import MOST_CHARTS, cell_name, charts
from splitrun.report.drawing import axis, layout
from splitrun.report.page import (
    PROCESSOR,
    SAMPLES,
    Block,
    Chart,
    Fact,
    Figure,
    Note,
    Page,
    PageSection,
    PageTable,
    TableCell,
    TableColumn,
)
from splitrun.units import PAGE

BENCH_TERMS = (
    SAMPLES,
    ("whiskers, brackets", "95 % intervals of the median over a cell's trials."),
    (
        "speedup",
        "A cell's median over that of the cell it is compared with. The two ran one after the "
        "other, so a machine that changed its pace in between is in it.",
    ),
    PROCESSOR,
)


def bench_page(directory: Path, bench: BenchRecord) -> Page:
    """The page of a grid's directory."""
    measured = [cell for cell in bench.cells if _rate(cell) is not None]
    figures = charts(bench)
    notes: list[Block] = [Note(f"Warning: {line}.") for line in bench.warnings]
    if len(figures) == MOST_CHARTS:
        notes.insert(0, Note(f"The first {MOST_CHARTS} charts are shown; the table has all cells."))
    return Page(
        title=bench.name,
        subtitle=_subtitle("A bench", bench.started),
        question=_question(bench),
        verdict=_verdict(bench, measured),
        facts=_facts(measured),
        remarks=[],
        sections=[
            section
            for section in (
                PageSection("How fast", figures, "multiples"),
                PageSection("The cells", [cells_table(bench), *notes]),
                PageSection("How it was measured", appendix(directory, BENCH_TERMS, bench)),
            )
            if section.blocks
        ],
    )


def _subtitle(kind: str, started: str) -> str:
    return " · ".join(part for part in (kind, units.moment(started)) if part)


def _rate(cell: CellRecord) -> float | None:
    return cell.samples_per_s.median if cell.samples_per_s else None


def _question(bench: BenchRecord) -> str:
    if not bench.axes:
        return "How fast is it?"
    varied = units.listed([f"{each} ({', '.join(labels)})" for each, labels in bench.axes.items()])
    return f"How fast is it, by {varied}? {PAGE.plural(len(bench.cells), 'cell')}."


def _verdict(bench: BenchRecord, measured: list[CellRecord]) -> str:
    if not measured:
        return "None of the cells was measured."
    best = max(measured, key=lambda cell: _rate(cell) or 0.0)
    told = f"The fastest is {cell_name(best)}, at {PAGE.rate(_rate(best))}"
    if best.speedup is not None and best.speedup != 1:
        against = ", ".join(f"{each} {label}" for each, label in bench.baseline.items())
        told += f": {PAGE.factor(best.speedup)} as fast as {against or 'the first cell'}"
    lacking = len(bench.cells) - len(measured)
    return f"{told}." + (
        f" {PAGE.plural(lacking, 'cell')} could not be measured." if lacking else ""
    )


def _facts(measured: list[CellRecord]) -> list[Fact]:
    rates = [rate for cell in measured if (rate := _rate(cell)) is not None]
    if not rates:
        return []
    sped = [cell.speedup for cell in measured if cell.speedup is not None]
    facts = [
        Fact(PAGE.whole(max(rates)), "samples per second, at most"),
        Fact(PAGE.whole(min(rates)), "at least"),
    ]
    return [*facts, *([Fact(PAGE.factor(max(sped)), "largest speedup")] if sped else [])]


def cells_table(bench: BenchRecord) -> PageTable:
    """A row for each cell, in the grid's order."""
    figures = ("samples/s", "ms a step", "speedup", "processor", "memory")
    columns = [
        *(TableColumn(each, number=False) for each in bench.axes),
        *(TableColumn(each) for each in figures),
        TableColumn("remarks", number=False),
    ]
    if not bench.axes:
        columns.insert(0, TableColumn("cell", number=False))
    rows = [_row(bench, cell) for cell in bench.cells]
    rates = [_rate(cell) or 0.0 for cell in bench.cells]
    best = rates.index(max(rates)) if any(rates) else None
    caption = "Medians over each cell's trials, with 95 % intervals. Marked: the fastest."
    return PageTable("Every cell", caption, columns, rows, best)


def _row(bench: BenchRecord, cell: CellRecord) -> list[TableCell]:
    doubts = [warning.text for warning in cell.warnings]
    remarks = [f"{cell.status}: {cell.problem}"] if cell.problem else doubts
    between = units.within(cell.samples_per_s.ci95, ",.0f") if cell.samples_per_s else ""
    step_s = None if cell.step_ms is None else cell.step_ms / 1e3
    names = [TableCell(cell.parameters.get(each, "")) for each in bench.axes]
    return [
        *(names or [TableCell("the spec as it is")]),
        TableCell(PAGE.whole(_rate(cell)), between),
        TableCell(PAGE.duration(step_s)),
        TableCell(PAGE.factor(cell.speedup)),
        TableCell(PAGE.percent(cell.cpu_percent)),
        TableCell(PAGE.size(cell.peak_memory_bytes)),
        TableCell("; ".join(remarks)),
    ]


SOAK_TERMS = (
    SAMPLES,
    (
        "limits",
        "Throughput: how it changed from the first to the last by a straight line, with its 95 % "
        "interval. Memory, threads and open files: the median of the last tenth of the run less "
        "that of the first.",
    ),
)


def soak_page(directory: Path, soak: SoakRecord) -> Page:
    """The page of a long run's directory."""
    table = PageTable(
        "What was looked at",
        "Each figure, and the limit that it is judged by.",
        [TableColumn("figure", number=False), TableColumn("found"), TableColumn("limit")],
        [
            [TableCell(it.name, it.complaint), TableCell(it.value), TableCell(it.limit)]
            for it in soak.figures
        ],
    )
    stopped = "; it was interrupted" if soak.interrupted else ""
    return Page(
        title=soak.name,
        subtitle=_subtitle("A long run", soak.started),
        question=f"Does it stay as fast and as small over {PAGE.duration(soak.duration_s)}?",
        verdict=f"{soak.verdict[:1].upper()}{soak.verdict[1:]}{stopped}.",
        facts=[
            Fact(PAGE.whole(soak.samples_per_s), "samples per second"),
            Fact(PAGE.duration(soak.duration_s), "looked at"),
            Fact(PAGE.size(soak.memory_growth_bytes), "growth of memory"),
        ],
        remarks=[],
        sections=[
            PageSection("How steady", [table]),
            PageSection("Over time", [_throughput(soak), _memory(soak)], "side-by-side"),
            PageSection("How it was measured", appendix(directory, SOAK_TERMS, soak)),
        ],
    )


def _throughput(soak: SoakRecord) -> Figure:
    times, rates = [], []
    for before, after in pairwise(soak.moments):
        if after.time > before.time:
            times.append(after.time)
            rates.append((after.samples - before.samples) / (after.time - before.time))
    caption = "Between one look and the next."
    return _over_time("Throughput", "samples/s", times, rates, caption)


def _memory(soak: SoakRecord) -> Figure:
    held = [moment.memory_bytes / 2**20 for moment in soak.moments]
    times = [moment.time for moment in soak.moments]
    return _over_time("Memory", "MiB", times, held, "Resident, of this process.")


def _over_time(title: str, unit: str, x: list[float], y: list[float], caption: str) -> Figure:
    trace = {
        "type": "scatter",
        "mode": "lines",
        "x": x,
        "y": y,
        "line": {"color": "var(--accent)", "width": 1.5},
        "hovertemplate": f"%{{y:,.0f}} {unit} at %{{x:.1f}} s<extra></extra>",
    }
    shape = layout(
        axis("seconds since the start", rangemode="tozero"),
        axis(tickformat=",.0f", rangemode="tozero"),
        height=300,
        unit=unit,
    )
    return Figure(title, caption, Chart([trace], shape))
