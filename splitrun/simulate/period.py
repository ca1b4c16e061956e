"""The period of a pipeline that has settled, from the times at which its steps ended.

Once it has settled, a timed marked graph repeats itself exactly: after some number of steps, its
cyclicity, every event comes again later by that number times the cycle time (Cohen, Dubois, Quadrat
and Viot 1985). Within a round steps may come in bursts. So time is taken from each step to the one
a round later, for the round whose times differ least: exactly the cycle time where rounds repeat,
and close to the mean where jitter or shared cores keep them from it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def steady_period_s(ends: Sequence[float]) -> float:
    """Mean seconds a step in the middle of a segment, whose steps ended at `ends`.

    The middle is what lies between four and nine tenths of the steps or, for the smallest segments,
    all of them: before it the pipeline fills, after it drains.

    Raises:
        ValueError: there are fewer than two steps.
    """
    if len(ends) < 2:
        raise ValueError(f"{len(ends)} steps: a period needs at least two")
    middle = np.asarray(ends)[len(ends) * 4 // 10 : len(ends) * 9 // 10]
    if len(middle) < 2:
        middle = np.asarray(ends)
    least, period_s = np.inf, 0.0
    for cyclicity in range(1, len(middle) // 2 + 1):
        rounds = (middle[cyclicity:] - middle[:-cyclicity]) / cyclicity
        if (spread := np.ptp(rounds)) < least:
            least, period_s = spread, float(rounds.mean())
    return period_s
