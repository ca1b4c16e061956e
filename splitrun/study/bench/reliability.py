"""What makes a cell's figures doubtful, in words: turns that stand out, drift, a busy machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splitrun.study.bench.measure import Measured
from splitrun.study.bench.trend import find_trend

_FEWEST = 5
"""Trials below which none is said to stand out."""
_DEVIATIONS = 7
"""From the median, by the median absolute deviation, from where on a turn stands out (Iglewicz and
Hoaglin, "How to detect and handle outliers", 1993). Their 3.5 call normal turns outliers in 21 % of
cells with 5 turns; this does in 6 %, and in 1 % of those with 10."""
_NOTABLE = 0.05
"""Share of the median by which a turn that stands out differs at least."""
_DRIFT = 0.02
"""Change from the first to the last turn that is surely exceeded when it is called drift."""
_BUSY = 0.10
"""Share of the machine's cores that others may use."""


@dataclass(frozen=True)
class ReliabilityWarning:
    """One reason not to trust a cell's figures, and what to do about it."""

    kind: Literal["slow first turn", "outliers", "drift", "busy machine"]
    text: str


def reliability_warnings(measured: Measured, cores: int) -> list[ReliabilityWarning]:
    """All that is doubtful about a cell."""
    rates = [turn.samples_per_s for turn in measured.turns]
    odd = outliers(rates)
    found = []
    if 0 in odd and rates[0] < float(np.median(rates)):
        odd.remove(0)
        share = rates[0] / float(np.median(rates[1:]))
        text = f"the first turn had {share:.0%} of the others' throughput: caches were cold"
        found.append(ReliabilityWarning("slow first turn", f"{text}; measure again, or more turns"))
    if odd:
        turns = "turn stands" if len(odd) == 1 else "turns stand"
        text = f"{len(odd)} of {len(rates)} {turns} out: something else interfered"
        found.append(ReliabilityWarning("outliers", f"{text}; measure again on a quiet machine"))
    trend = find_trend(range(len(rates)), rates)
    if trend is not None and (trend.low > _DRIFT or trend.high < -_DRIFT):
        text = f"throughput changed by {trend.change:+.0%} from the first turn to the last"
        remedy = "the processor may throttle; let it cool, or measure longer"
        found.append(ReliabilityWarning("drift", f"{text}; {remedy}"))
    busy = measured.others_percent / 100
    if busy > _BUSY * cores:
        text = f"other processes used {busy:.1f} of {cores} cores meanwhile"
        found.append(ReliabilityWarning("busy machine", f"{text}; end them, and measure again"))
    return found


def outliers(rates: Sequence[float]) -> list[int]:
    """Which of the turns' throughputs stand out from the rest."""
    if len(rates) < _FEWEST:
        return []
    values = np.asarray(rates, dtype=np.float64)
    distances = np.abs(values - np.median(values))
    deviation = 1.4826 * float(np.median(distances))  # a normal distribution's
    far = max(_DEVIATIONS * deviation, _NOTABLE * float(np.median(values)))
    return [int(index) for index in np.flatnonzero(distances > far)]
