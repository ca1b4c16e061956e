"""The look of an arm, the same in every chart; symbols and dashes tell it without its colour."""

from __future__ import annotations

from collections.abc import Sequence

from splitrun.report.comparison import Arm

_STALE = 5
"""Shades of a stale arm, from shallow to deep."""
_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "star")


def colour(arm: Arm, arms: Sequence[Arm]) -> str:
    """Of an arm: ink for the baseline, one for micro-batches, a shade of blue for each depth."""
    if arm.schedule != "stale":
        return "var(--microbatch)" if arm.schedule == "microbatch" else "var(--ink)"
    return f"var(--stale-{_rank(arm, arms) + 1})"


def band(arm: Arm) -> str:
    """Of an arm's spread over the seeds."""
    known = arm.schedule if arm.schedule in ("stale", "microbatch") else "sequential"
    return f"var(--{known}-band)"


def symbol(arm: Arm, arms: Sequence[Arm]) -> str:
    """The marker that tells an arm without its colour."""
    if arm.schedule != "stale":
        return "x" if arm.schedule == "microbatch" else "circle-open"
    return _SYMBOLS[_rank(arm, arms)]


def dash(arm: Arm) -> str:
    """The line that tells a schedule without its colour."""
    return {"stale": "solid", "microbatch": "dot"}.get(arm.schedule, "dash")


def _rank(arm: Arm, arms: Sequence[Arm]) -> int:
    """Of a stale arm's depth among the others', spread over the shades."""
    depths = sorted({each.depth for each in arms if each.schedule == "stale"})
    last = max(len(depths) - 1, 1)
    return round(depths.index(arm.depth) * (_STALE - 1) / last) if len(depths) > 1 else 2
