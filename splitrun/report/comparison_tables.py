"""A comparison's tables."""

from __future__ import annotations

from splitrun import units
from splitrun.records.comparison import ArmRecord, ComparisonRecord
from splitrun.report.page import Block, PageTable, TableCell, TableColumn
from splitrun.units import PAGE


def _rows_that_decide(comparison: ComparisonRecord) -> str:
    """Those that the metric is of, in words."""
    return "validation rows" if comparison.decided_on == "validation" else "held-out rows"


def arms_table(comparison: ComparisonRecord) -> PageTable:
    """A row for each arm."""
    metric = units.metric_name(comparison.metric)
    target = comparison.target
    columns = [
        TableColumn("arm", number=False),
        TableColumn("samples/s"),
        TableColumn("speedup"),
        TableColumn("of bound"),
        TableColumn(metric),
        TableColumn(f"Δ {metric}"),
        TableColumn("verdict", number=False),
        *([TableColumn(f"until {target:g}")] if target is not None else []),
        TableColumn("staleness, mean"),
        TableColumn("sent a step"),
        TableColumn("processor"),
        *([TableColumn("GPU")] if _gpu(comparison) else []),
        *([TableColumn("memory")] if _memory(comparison) else []),
    ]
    rows = [_row(comparison, arm) for arm in comparison.arms]
    chosen = comparison.chosen
    caption = (
        "Medians over rounds with 95 % intervals; Δ is the mean difference from sequential over "
        f"paired seeds with its 95 % interval; {metric} is of the {_rows_that_decide(comparison)}."
    )
    if chosen is not None:
        caption += f" Marked: {chosen.name}, recommended."
    emphasised = comparison.arms.index(chosen) if chosen is not None else None
    return PageTable("The arms", caption, columns, rows, emphasised)


def _gpu(comparison: ComparisonRecord) -> bool:
    return any(arm.gpu_percent is not None for arm in comparison.arms)


def _memory(comparison: ComparisonRecord) -> bool:
    return any(arm.peak_memory_bytes is not None for arm in comparison.arms)


def _row(comparison: ComparisonRecord, arm: ArmRecord) -> list[TableCell]:
    difference = arm.metric.difference
    return [
        TableCell(arm.name, arm.runtime),
        TableCell(
            PAGE.whole(arm.samples_per_s.median), units.within(arm.samples_per_s.ci95, ",.0f")
        ),
        TableCell("1") if arm.sequential else _speedup(arm),
        TableCell(PAGE.share(arm.fraction_of_bound)),
        TableCell(PAGE.value(arm.metric.mean)),
        TableCell("0") if arm.sequential else _difference(difference.mean, difference.ci95),
        TableCell(
            "baseline" if arm.sequential else arm.verdict,
            "faster, unproven" if arm.name in comparison.faster_unproven else "",
        ),
        *([_time_to(arm)] if comparison.target is not None else []),
        TableCell(PAGE.unknown if arm.staleness.mean is None else f"{arm.staleness.mean:.1f}"),
        TableCell(PAGE.size(arm.bytes_per_step)),
        TableCell(PAGE.percent(arm.cpu_percent)),
        *([TableCell(PAGE.percent(arm.gpu_percent))] if _gpu(comparison) else []),
        *([TableCell(PAGE.size(arm.peak_memory_bytes))] if _memory(comparison) else []),
    ]


def _speedup(arm: ArmRecord) -> TableCell:
    return TableCell(PAGE.factor(arm.speedup.median), units.within(arm.speedup.ci95, ".2f"))


def _difference(mean: float | None, ends: units.Ends | None) -> TableCell:
    return TableCell(PAGE.change(mean), units.half_width(ends, ".4f"))


def _time_to(arm: ArmRecord) -> TableCell:
    told = PAGE.duration(arm.time_to_target_s)
    return TableCell(told, "" if arm.reached is None else PAGE.plural(arm.reached, "seed"))


def links_table(comparison: ComparisonRecord) -> list[Block]:
    """What each link carries; nothing where that is not known."""
    arms = [arm for arm in comparison.arms if arm.links]
    names = list(dict.fromkeys(name for arm in arms for name in arm.links))
    if not names:
        return []
    rows = []
    for name in names:
        uses = [arm.links.get(name) for arm in arms]
        cells = [
            TableCell(PAGE.size(use.bytes_per_step), f"{PAGE.whole(use.messages)} messages")
            if use is not None
            else TableCell(PAGE.unknown)
            for use in uses
        ]
        rows.append([TableCell(name), *cells])
    columns = [TableColumn("link", number=False), *(TableColumn(arm.name) for arm in arms)]
    caption = "Bytes of tensors that a training step sends, and messages of the recorded trial."
    return [PageTable("What crosses, a step", caption, columns, rows)]


def limits_table(comparison: ComparisonRecord) -> PageTable:
    """How fast each arm could be, and what keeps it from being faster."""
    columns = [
        TableColumn("arm", number=False),
        TableColumn("bound, samples/s"),
        TableColumn("predicted"),
        TableColumn("measured"),
        TableColumn("limited by", number=False),
    ]
    rows = [
        [
            TableCell(arm.name),
            TableCell(PAGE.whole(arm.bound_samples_per_s)),
            TableCell(PAGE.whole(arm.predicted_samples_per_s)),
            TableCell(PAGE.whole(arm.samples_per_s.median)),
            TableCell(arm.limited_by or PAGE.unknown),
        ]
        for arm in comparison.arms
    ]
    caption = (
        "The most that the probed costs allow, what the simulated programs come to, and what was "
        "measured; last, the part that a step cannot be faster than."
    )
    return PageTable("What limits each arm", caption, columns, rows)
