"""What a run has learned of each class: who is found, who is taken for whom, and whether
probabilities are to be believed."""

from __future__ import annotations

from collections.abc import Sequence

from splitrun import units
from splitrun.events import Classification
from splitrun.records.run import RunResult
from splitrun.report.drawing import axis, layout, text
from splitrun.report.page import Block, Chart, Figure, PageTable, TableCell, TableColumn
from splitrun.units import PAGE

_MOST_CONFUSED = 20
"""Classes of which the page has a matrix; the manifest has it in any case."""

_HEIGHT = 320


def class_tables(result: RunResult) -> list[Block]:
    """Of the test rows or, without any, of the validation rows; nothing where there are none."""
    for rows in ("test", "validation"):
        if (told := result.classes.get(rows)) is not None:
            blocks: list[Block] = [_figures(told, rows)]
            if told.confusion and len(told.classes) <= _MOST_CONFUSED:
                blocks.append(_confusion(told, rows))
            return [*blocks, _calibration(told, rows)]
    return []


def _figures(told: Classification, rows: str) -> PageTable:
    if not told.confusion:
        return _labels(told, rows)
    return _table(
        "Classes",
        f"On the {rows} rows. Precision: of those taken for the class, the share that are of it; "
        "recall: of those of the class, the share that are found.",
        ("class", "precision", "recall", "F1", "rows"),
        [
            (it.name, *map(PAGE.value, (it.precision, it.recall, it.f1)), _count(it.support))
            for it in told.classes
        ],
    )


def _labels(told: Classification, rows: str) -> PageTable:
    names = tuple(told.classes[0].metrics)
    return _table(
        "Labels",
        f"On the {rows} rows, each label by itself. Precision: of those taken for it, the share "
        "that are; recall: of those that are, the share that are found; rows: those that are.",
        ("label", "precision", "recall", *(units.metric_name(name) for name in names), "rows"),
        [
            (
                it.name,
                *map(PAGE.value, (it.precision, it.recall, *(it.metrics[name] for name in names))),
                _count(it.support),
            )
            for it in told.classes
        ],
    )


def _confusion(told: Classification, rows: str) -> PageTable:
    names = [it.name for it in told.classes]
    counted = zip(names, told.confusion, strict=True)
    return _table(
        "Who is taken for whom",
        f"Counts of {rows} rows: by the class that they are of, and across, what they are taken "
        "for.",
        ("is", *names),
        [(name, *map(_count, counts)) for name, counts in counted],
    )


def _calibration(told: Classification, rows: str) -> Figure:
    of = "of the class that is chosen"
    if not told.confusion:
        of = "of each label"
    elif len(told.classes) == 2:
        of = f"of {told.classes[-1].name!r}"
    counted = [f"{_count(it.count)} rows" for it in told.calibration]
    observed = [it.observed for it in told.calibration]
    trace = {
        "type": "scatter",
        "mode": "lines+markers",
        "name": text(of),
        "x": [it.predicted for it in told.calibration],
        "y": observed,
        "hovertext": counted,
        "line": {"color": "var(--accent)", "width": 1.5},
        "marker": {"symbol": "circle", "size": 8},
        "hovertemplate": "%{y:.3f} at %{x:.3f}: %{hovertext}<extra></extra>",
    }
    believed = {"type": "line", "x0": 0, "y0": 0, "x1": 1, "y1": 1}
    quiet = {"color": "var(--ink-3)", "width": 1, "dash": "dot"}
    shape = layout(
        axis("mean probability", range=[0, 1]),
        axis(range=[0, 1.02]),
        height=_HEIGHT,
        unit="share observed",
        shapes=[believed | {"line": quiet}],
    )
    caption = (
        f"The {rows} rows by their probability {of}, a tenth of all probabilities each: on the "
        "dotted line, they are."
    )
    return Figure("Are probabilities to be believed?", caption, Chart([trace], shape))


def _table(
    title: str,
    caption: str,
    names: Sequence[str],
    rows: Sequence[Sequence[str]],
) -> PageTable:
    """A table of numbers, whose first column has names."""
    columns = [TableColumn(name, number=place > 0) for place, name in enumerate(names)]
    return PageTable(title, caption, columns, [[TableCell(text) for text in row] for row in rows])


def _count(value: float) -> str:
    """Of rows, or of what they count for."""
    return PAGE.whole(value) if value.is_integer() else PAGE.value(value)
