"""Interleaved measurements of two ways to do the same work, and the ratio of their times.

The machine's speed drifts, so each pair is measured back to back, in alternating order, and the
ratio is taken pair by pair; its median is quoted, with the quartiles and its own 95 % interval.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from splitrun.study.statistics import estimate_median

Measure = Callable[[], float]
"""Does the work once; gives its seconds."""


@dataclass(frozen=True)
class Ratio:
    """Of the first measure's time to the second's."""

    name: str
    bound: float
    ratios: tuple[float, ...]
    first_s: float
    second_s: float

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.ratios)

    def row(self) -> str:
        """A row of a Markdown table."""
        low, _, high = statistics.quantiles(self.ratios, n=4)
        interval = estimate_median(self.ratios).interval
        return (
            f"| {self.name} | {self.median:.3f} | {low:.3f} – {high:.3f} | "
            f"{interval.low:.3f} – {interval.high:.3f} | ≤ {self.bound:.2f} | "
            f"{self.first_s * 1e3:.2f} | {self.second_s * 1e3:.2f} |"
        )


HEADER = (
    "| case | ratio, median | quartiles | 95 % interval | bar | ms a step "
    "| reference, ms a step |\n|---|---|---|---|---|---|---|"
)


def compare(
    name: str, bound: float, first: Measure, second: Measure, *, steps: int, pairs: int
) -> Ratio:
    """Measure both `pairs` times after one warm-up each."""
    first(), second()
    times: list[tuple[float, float]] = []
    for pair in range(pairs):
        if pair % 2:
            reference = second()
            times.append((first(), reference))
        else:
            times.append((first(), second()))
    return Ratio(
        name,
        bound,
        tuple(one / other for one, other in times),
        statistics.median(one for one, _ in times) / steps,
        statistics.median(other for _, other in times) / steps,
    )
