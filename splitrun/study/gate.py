"""Gates for scripts: conditions on a comparison that end a command with exit code 4.

A gate asks for proof: it lets pass what the measurements show with 95 % confidence, and fails what
is merely possible.
"""

from __future__ import annotations

from splitrun.study.statistics import MedianEstimate
from splitrun.study.verdict import Finding, Verdict


def fails_below(speedup: MedianEstimate, bound: float) -> bool:
    """Whether the speedup was not shown to be `bound` or more (one-sided, 95 %).

    An arm that is no faster than `bound` passes in 5 % of comparisons, and in some 6 % where rounds
    go on until the interval is tight; with fewer than three pairs nothing passes.
    """
    return speedup.interval.lower_bound < bound


def fails_assertion(verdict: Verdict, asserted: Finding) -> bool:
    """Whether the verdict is not the asserted one; what is identical is equivalent, too."""
    if asserted is Finding.EQUIVALENT and verdict.finding is Finding.IDENTICAL:
        return False
    return verdict.finding is not asserted
