"""Throughput, loss and metrics: as they are now, and over the time of the whole run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rich.style import Style

from splitrun import units
from splitrun.dashboard.history import History, held
from splitrun.dashboard.line import DIM, PLAIN, STRONG, Line, chart, fit, line
from splitrun.dashboard.view import RunView
from splitrun.records.plan import PlanRecord
from splitrun.units import SCREEN

_LONGEST_LABEL = 20
_VALUE = 11
_UNIT = 10
_DETAIL = 19
_LEAST_CHART = 8


@dataclass(frozen=True)
class _Value:
    """A value, and how it was before."""

    label: str
    value: str
    form: Callable[[float | None], str]
    history: History
    unit: str = ""
    detail: str = ""
    is_rate: bool = False

    def columns(self, width: int, view: RunView) -> list[float | None]:
        """How it was, from the run's start until now."""
        columns = self.history.columns(width, view.present)
        if not self.is_rate:
            return held(columns)
        if not (view.running and view.progress.samples_per_s_at(view.present) == 0):
            return columns
        since = max((at + 1 for at, value in enumerate(columns) if value is not None), default=0)
        return [*columns[:since], *[0.0] * (width - since)]


@dataclass(frozen=True)
class _Widths:
    """Columns of the screen: for labels, for what is said beside a chart, and for charts."""

    label: int
    detail: int
    chart: int

    @classmethod
    def of(cls, values: Sequence[_Value], width: int) -> _Widths:
        """As wide as labels and details need, and no detail where a chart would be too short."""
        label = min(_LONGEST_LABEL, max(len(value.label) for value in values))
        detail = max(_DETAIL, *(len(value.detail) for value in values))
        room = width - label - _VALUE - _UNIT - 3
        if room - detail - 1 < _LEAST_CHART:
            return cls(label, 0, max(0, room))
        return cls(label, detail, room - detail - 1)

    @property
    def before(self) -> int:
        """All that stands before a chart."""
        return self.label + _VALUE + _UNIT + 2 + (self.detail + 1 if self.detail else 0)


def values_count(view: RunView) -> int:
    """How many values there are."""
    return 1 + view.progress.has_top + len(view.progress.metrics)


def values_lines(
    view: RunView,
    plan: PlanRecord,
    width: int,
    height: int,
    *,
    has_axis: bool = False,
    hint: str = "",
) -> list[Line]:
    """Throughput and loss, as high as there is room, and metrics, a line each; if there is little
    room, metrics share the line of the loss.

    Args:
        has_axis: whether the last line is for the time that all charts span.
        hint: is said beside it.
    """
    if height < 1:
        return []
    values = _values(view, plan)
    widths = _Widths.of(values, width)
    axis = [_axis_line(view, widths, width, hint)] if has_axis else []
    height -= len(axis)
    if height < len(values):
        first = _value_lines(values[0], view, widths, width, height - 1)
        return [*first, *axis, _joined(values[1:], width)]
    spare = height - len(values)
    charts = min(2, len(values))  # the others are a line each
    heights = [1 + (spare + charts - 1 - place) // charts for place in range(charts)]
    heights += [1 for _ in values[charts:]]
    drawn = (
        _value_lines(value, view, widths, width, rows)
        for value, rows in zip(values, heights, strict=True)
    )
    return [*(each for lines in drawn for each in lines), *axis]


def _values(view: RunView, plan: PlanRecord) -> list[_Value]:
    progress = view.progress
    running = progress.status == "running"
    now, mean = progress.samples_per_s_at(view.present), progress.average_samples_per_s
    shown = now if running else mean
    detail = f"average {SCREEN.whole(mean):>11}" if running else "the whole run"
    bound = plan.bound.samples_per_s if plan.bound else None
    if bound:
        share = None if shown is None else shown / bound
        detail = f"{detail:{_DETAIL}}  {SCREEN.rounded_share(share):>5} of bound"
    whole, form = SCREEN.whole, SCREEN.value
    rate = _Value(
        *("throughput", whole(shown), whole, progress.rates),
        unit="samples/s",
        detail=detail,
        is_rate=True,
    )
    loss = _Value("train loss", form(progress.loss), form, progress.losses)
    metrics = [
        _Value(name, form(value), form, progress.evaluations.get(name) or History())
        for name, value in progress.metrics.items()
    ]
    return [rate, *([loss] if progress.has_top else []), *metrics]


def _value_lines(
    value: _Value, view: RunView, widths: _Widths, width: int, height: int
) -> list[Line]:
    columns = value.columns(widths.chart, view)
    notes = _notes(value, columns, height)
    lines = []
    for place, drawn in enumerate(chart(columns, height, from_zero=value.is_rate)):
        label, number, unit = ("", "", "") if place else (value.label, value.value, value.unit)
        note = f"{notes[place]:{widths.detail}} " if widths.detail else ""
        parts = [
            (fit(label, widths.label), DIM),
            (fit(number, _VALUE, right=True), STRONG),
            (f" {unit:{_UNIT}} ", PLAIN),
            (note, PLAIN if notes[place] == value.detail else DIM),
        ]
        lines.append(line([*parts, *drawn], width))
    return lines


def _notes(value: _Value, columns: Sequence[float | None], height: int) -> list[str]:
    """What is said beside every row of a chart: its detail above, then the highest and the lowest
    that is drawn."""
    notes = [""] * height
    first = 0
    if value.detail and height:
        notes[0], first = value.detail, 1
    known = [each for each in columns if each is not None]
    if not known or first >= height:
        return notes
    lowest, highest = value.form(min(known)), value.form(max(known))
    if lowest == highest:
        return notes
    if height - first == 1:
        notes[first] = f"{f'{lowest} to {highest}':>{_DETAIL}}"
    else:
        notes[first], notes[-1] = f"highest {highest:>11}", f"lowest  {lowest:>11}"
    return notes


def _axis_line(view: RunView, widths: _Widths, width: int, hint: str) -> Line:
    """From when to when all charts are."""
    first, last = units.clock(0), units.clock(view.present - view.progress.start)
    room = max(0, widths.chart - len(first) - len(last) - 2)
    axis = f"{first} {'─' * room} {last}" if room else fit(last, widths.chart, right=True)
    return line([(fit(hint or "time", widths.before), DIM), (axis, DIM)], width)


def _joined(values: list[_Value], width: int) -> Line:
    parts: list[tuple[str, Style]] = []
    left = width
    for place, value in enumerate(values):
        text = f"{value.label} {value.value:>7}  "
        more = f"+{len(values) - place} more"
        last = place == len(values) - 1
        if len(text.rstrip()) + (0 if last else len(more)) > left:
            parts.append((more, DIM))
            break
        parts += [(value.label, DIM), (text[len(value.label) :], STRONG)]
        left -= len(text)
    return line(parts, width)
