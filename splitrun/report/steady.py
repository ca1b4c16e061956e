"""Where a recording is steady: the pipeline neither fills nor drains, and nothing is evaluated."""

from __future__ import annotations

from bisect import bisect_left
from itertools import pairwise
from typing import NamedTuple

from splitrun.report.summary import RunSummary

_LOOPS = 2
"""A window that is given no span shows so many batches for each that is in flight, and one more."""


class Window(NamedTuple):
    """A span of the run's clock, and the steps that end in it."""

    start: float
    end: float
    first: int
    steps: int


def window(digest: RunSummary, span_s: float | None = None) -> Window | None:
    """A few steady steps from the start of a recording; None where no step has ended in
    it, or clocks ran backwards.

    Args:
        span_s: how long it is to be; default: as long as a few steps take.
    """
    ends = digest.start.step_ends
    if not ends:
        return None
    low, high = _steady(digest)
    if high - low < 2:
        start = digest.started.clock
        end = ends[-1] if span_s is None else start + span_s
    elif span_s is None:
        wanted = min(_LOOPS * max(digest.started.depth, 1) + 1, high - low - 1)
        first = low + (high - 1 - low - wanted) // 2
        start, end = ends[first], ends[first + wanted]
    else:
        middle = (ends[low] + ends[high - 1] - span_s) / 2
        start = ends[max(low, bisect_left(ends, middle, low, high) - 1)]
        end = start + span_s
    if not start < end:
        return None
    first = bisect_left(ends, start + _TINY_S)
    return Window(start, end, first, bisect_left(ends, end + _TINY_S) - first)


_TINY_S = 1e-9


def period_s(digest: RunSummary) -> float | None:
    """Mean time of a steady step; None where fewer than two have ended."""
    low, high = _steady(digest)
    ends = digest.start.step_ends
    return (ends[high - 1] - ends[low]) / (high - 1 - low) if high - low > 1 else None


def _steady(digest: RunSummary) -> tuple[int, int]:
    """Between which step ends, the latter exclusive, no evaluation, fill or drain falls."""
    ends = digest.start.step_ends
    breaks = [bisect_left(ends, start) for start, _ in digest.evaluations]
    edges = sorted({0, *breaks, len(ends)})
    low, high = max(pairwise(edges), key=lambda span: span[1] - span[0], default=(0, 0))
    margin = max(0, min(digest.started.depth, (high - low) // 3))
    return low + margin, high - margin
