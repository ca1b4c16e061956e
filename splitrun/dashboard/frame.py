"""The whole screen: its head, and which part gets how many lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, ConsoleOptions
from rich.segment import Segment
from rich.style import Style

from splitrun import units
from splitrun.dashboard.line import (
    CHART,
    DIM,
    FAILED,
    PLAIN,
    STATUS,
    STRONG,
    Line,
    chart,
    fit,
    line,
    wrapped,
)
from splitrun.dashboard.lines import stuck_text
from splitrun.dashboard.panels import (
    link_lines,
    machine_count,
    machine_lines,
    role_lines,
    strip_lines,
)
from splitrun.dashboard.progress import RunProgress
from splitrun.dashboard.view import RunView
from splitrun.records.run import PlanRecord
from splitrun.units import SCREEN

_FEWEST_VALUES = 2
_HIGHEST_CHART = 6
"""Lines of a chart of throughput or loss."""


class Drawn:
    """A renderable of lines that are there: nobody's printing changes or recomputes them."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = lines

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Segment]:
        for place, drawn in enumerate(self._lines):
            if place:
                yield Segment.line()
            yield from drawn


class Frame:
    """A view, laid out.

    Args:
        view: what is drawn.
    """

    def __init__(self, view: RunView) -> None:
        self.view = view
        self.plan = PlanRecord()
        self.stacks = ""
        """What there is to say of where threads were when the run ended."""

    def lines(self, width: int, height: int) -> list[Line]:
        """At most `height` lines of exactly `width` columns."""
        view, plan = self.view, self.plan
        head = head_lines(view, plan, width, self.stacks)
        sizes = _sizes(height - len(head), len(view.roles), len(view.links.between_parties()), view)
        values, roles, strip, links, machine, gaps = sizes
        parts = [
            head,
            values_lines(view, plan, width, values),
            role_lines(view, plan, width, roles),
            strip_lines(view, width, strip),
            link_lines(view, plan, width, links),
            machine_lines(view, width, machine),
        ]
        lines: list[Line] = []
        for part in parts:
            if lines and part and gaps > 0:
                lines.append([Segment(" " * width)])
                gaps -= 1
            lines += part
        return lines[:height]


def _sizes(height: int, roles: int, links: int, view: RunView) -> tuple[int, ...]:
    """Lines of values, roles, timelines, links and machine, their titles included, and gaps.

    Roles and their timelines come first; then links; what is left makes gaps and higher charts.
    """
    machine_most = machine_count(view)
    machine = min(2, machine_most)
    links_most = links + 1 if links else 0
    links_least = min(2 + (links > 1), links_most)
    left = height - _FEWEST_VALUES - machine - links_least
    both = min(2 * (roles + 1), max(0, left))
    left -= both
    more_links = min(left, links_most - links_least) if left > 0 else 0
    left -= more_links
    more_machine = min(left, machine_most - machine) if left > 0 else 0
    left -= more_machine
    more_values = min(max(0, left), max(0, values_count(view) - _FEWEST_VALUES))
    left -= more_values
    gaps = min(5, max(0, left))
    left -= gaps
    taller = max(0, min(left, 2 * (_HIGHEST_CHART - 1)))
    return (
        _FEWEST_VALUES + more_values + taller,
        both - both // 2,
        both // 2,
        links_least + more_links,
        machine + more_machine,
        gaps,
    )


_LONGEST_LABEL = 20
_VALUE = 11
_UNIT = 10
_LEAST_CHART = 8
_MOST_LINES = 3
"""For a reason."""
_LONG_S = 600.0


def head_lines(view: RunView, plan: PlanRecord, width: int, stacks: str) -> list[Line]:
    """Name and state, then the bar; what it is stuck at, or why the run ended, if it is not done.

    Args:
        stacks: what there is to say of where threads were.
    """
    progress = view.progress
    state, style = _state(view)
    right = f"{state:>11}  {units.clock(view.elapsed_s):>8}"
    depth = f", depth {progress.depth}" if progress.depth > 1 else ""
    slices = plan.micro_batches
    micro = f", {slices} micro-batches" if slices > 1 else ""
    what = f"  {view.schedule}{depth}{micro}"
    room = max(0, width - len(what) - len(right) - 1)
    name = Path(view.run_dir).name or "run"
    lines = [
        line(
            [
                (fit(name, min(room, len(name))), STRONG),
                (fit(what, max(0, width - min(room, len(name)) - len(right))), PLAIN),
                (right, style),
            ],
            width,
        ),
        _bar_line(view, width),
    ]
    if view.missing_events:
        missing = f"{view.missing_events:,} events of the run's middle are not kept"
        lines.append(line([(fit(missing, width), DIM)], width))
    reasons = [progress.message] if progress.message else []
    if (stuck := progress.stuck) is not None and not view.has_failed:
        since_s = max(0.0, view.now - stuck.time) if view.running else None
        reasons.append(stuck_text(stuck, since_s))
    for reason in reasons:
        lines += [line([(text, FAILED)], width) for text in wrapped(reason, width, _MOST_LINES)]
    if stacks:
        lines += [line([(text, PLAIN)], width) for text in wrapped(stacks, width, _MOST_LINES)]
    return lines


def _state(view: RunView) -> tuple[str, Style]:
    status = view.progress.status
    if silent_s := view.silent_s:
        span = f"{silent_s:.0f} s" if silent_s < _LONG_S else units.clock(silent_s)
        return f"silent for {span}", FAILED
    if view.running and view.progress.stuck is not None:
        return "stuck", FAILED
    return status, STATUS[status]


def _bar_line(view: RunView, width: int) -> Line:
    progress = view.progress
    steps, epochs = f"{progress.steps:,}", f"{progress.epochs}"
    left = (
        f"epoch {progress.epoch:>{len(epochs)}}/{epochs}  "
        f"step {progress.step:>{len(steps)},}/{steps}  "
    )
    share = progress.step / progress.steps if progress.steps else 1.0
    eta = progress.eta_s_at(view.now) if view.running and not view.silent_s else None
    right = f" {SCREEN.rounded_share(share):>5}  {progress.eta_label} {units.clock(eta):>8}"
    room = max(0, width - len(left) - len(right))
    done = int(share * room)
    return line(
        [(left, PLAIN), ("━" * done, CHART), ("─" * (room - done), DIM), (right, PLAIN)], width
    )


@dataclass(frozen=True)
class _Value:
    """A value, and how it was before."""

    label: str
    value: str
    unit: str
    detail: str
    points: list[float]
    from_zero: bool = False


def values_lines(view: RunView, plan: PlanRecord, width: int, height: int) -> list[Line]:
    """Throughput and loss, as high as there is room, and metrics, a line each; if there is little
    room, metrics share the line of the loss."""
    values = _values(view, plan)
    labels = min(_LONGEST_LABEL, max(len(value.label) for value in values))
    if height < len(values):
        return [*_value_lines(values[0], labels, width, height - 1), _joined(values[1:], width)]
    spare = height - len(values)
    charts = min(2, len(values))  # the others are a line each
    heights = [1 + (spare + charts - 1 - place) // charts for place in range(charts)]
    heights += [1 for _ in values[charts:]]
    return [
        drawn
        for value, rows in zip(values, heights, strict=True)
        for drawn in _value_lines(value, labels, width, rows)
    ]


def values_count(view: RunView) -> int:
    """How many values there are."""
    return 1 + view.progress.has_top + len(view.progress.metrics)


def _values(view: RunView, plan: PlanRecord) -> list[_Value]:
    progress = view.progress
    running = progress.status == "running"
    now, mean = progress.samples_per_s_at(view.present), progress.average_samples_per_s
    shown = now if running else mean
    detail = f"average {SCREEN.whole(mean):>11}" if running else "the whole run      "
    bound = plan.bound.samples_per_s if plan.bound else None
    if bound:
        share = None if shown is None else shown / bound
        detail += f"  {SCREEN.rounded_share(share):>5} of bound"
    losses = progress.losses.points
    stands = running and now == 0
    rates = progress.rates.idle_until(view.present) if stands else progress.rates.points
    return [
        _Value("throughput", SCREEN.whole(shown), "samples/s", detail, rates, True),
        *(
            [_Value("train loss", SCREEN.value(progress.loss), "", "", losses)]
            if progress.has_top
            else []
        ),
        *(
            _Value(name, SCREEN.value(value), "", "", _points(progress, name))
            for name, value in progress.metrics.items()
        ),
    ]


def _points(progress: RunProgress, name: str) -> list[float]:
    history = progress.evaluations.get(name)
    return history.points if history else []


def _value_lines(value: _Value, labels: int, width: int, height: int) -> list[Line]:
    detail = f"{value.detail:19}"
    room = max(0, width - labels - _VALUE - _UNIT - len(detail) - 4)
    if room < _LEAST_CHART:
        detail, room = "", max(0, width - labels - _VALUE - _UNIT - 3)
    lines = []
    rows = chart(value.points, room, height, from_zero=value.from_zero)
    for place, drawn in enumerate(rows):
        first = place == 0
        lines.append(
            line(
                [
                    (fit(value.label if first else "", labels), DIM),
                    (fit(value.value if first else "", _VALUE, right=True), STRONG),
                    (f" {value.unit if first else '':{_UNIT}} ", PLAIN),
                    ((detail if first else " " * len(detail)) + " ", PLAIN),
                    *drawn,
                ],
                width,
            )
        )
    return lines


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
