"""What the simulator cannot derive from costs alone, fitted to how long real pipelines took.

Two things slow threads down that no instruction's own cost shows: they get in each other's way, and
they have to be woken. Two runs without links tell them apart. In a pipeline with several batches in
flight everybody works and nobody waits, so that its period gives the effective cores; one batch at
a time is mostly waiting, so that its period gives the wake-up latency.

What instructions cost more in cold caches was measured in threads that stood in each other's way
already. So a third run, whose links are pauses, gives the part of it that belongs to the caches.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from splitrun.plan import Plan
from splitrun.simulate.costs import CalibrationPoint, Costs
from splitrun.simulate.engine import simulate
from splitrun.simulate.programs import programs_of

_FEWEST_CORES = 0.2
_LONGEST_WAKEUP_LATENCY_S = 5e-3
_PRECISION = 1e-5
"""How exactly a value is found, as a share of the interval in which it is looked for."""
_PASSES = 3
"""Each value depends a little on the other."""
_NEAR = 0.001
"""How far from what was found, as a share of the same interval, a value is looked for again."""


@dataclass(frozen=True)
class TimedPlan:
    """A plan without emulated hardware, and seconds a step that it took on threads."""

    plan: Plan
    period_s: float


def calibrate(
    costs: Costs,
    sequential: TimedPlan,
    pipelined: TimedPlan | None,
    paused: TimedPlan,
    cores: float,
) -> Costs:
    """Costs whose effective cores, wake-up latency and cold caches make simulations take as long
    as the runs did.

    Args:
        costs: what instructions cost in a thread that has its core to itself, and at most in cold
            caches.
        sequential: one batch at a time, without links.
        pipelined: several batches in flight; None where the models do not allow it.
        paused: one batch at a time, over links that leave caches time to go cold.
        cores: of the machine; there are never more effective ones.

    Raises:
        KeyError: a role has no costs.
    """
    where = CalibrationPoint(sequential.plan.rows(0), cores)
    fitted = replace(costs, effective_cores=cores, wakeup_latency_s=0.0, found_with=where)
    one_at_a_time = _Match(sequential, 0.0, _LONGEST_WAKEUP_LATENCY_S)
    several = _Match(pipelined, 1 / cores, 1 / _FEWEST_CORES) if pipelined else None
    for _ in range(_PASSES):
        if several is not None:
            fitted = _fit_cores(fitted, several)
        fitted = _fit_wakeup_latency(fitted, one_at_a_time)
    return _fit_coldness(fitted, _Match(paused, 0.0, 1.0))


def _fit_cores(costs: Costs, match: _Match) -> Costs:
    def with_slowness(slowness: float) -> Costs:
        return replace(costs, effective_cores=1 / slowness)

    return with_slowness(match.find(with_slowness))


def _fit_wakeup_latency(costs: Costs, match: _Match) -> Costs:
    def with_latency(wakeup_latency_s: float) -> Costs:
        return replace(costs, wakeup_latency_s=wakeup_latency_s)

    return with_latency(match.find(with_latency))


def _fit_coldness(costs: Costs, match: _Match) -> Costs:
    def with_part(part: float) -> Costs:
        roles = {
            role: {op: replace(cost, cold_s=part * cost.cold_s) for op, cost in of.items()}
            for role, of in costs.roles.items()
        }
        return replace(costs, roles=roles)

    return with_part(match.find(with_part))


class _Match:
    """Looks for where, between two values, the simulated period becomes longer than the real one;
    again and again, as what else costs are changes, and then near to what was found before."""

    def __init__(self, timed: TimedPlan, low: float, high: float) -> None:
        self._timed = timed
        self._low, self._high = low, high
        self._near = low, high
        self._segment = replace(next(timed.plan.segments()), evaluation_batches=0)
        self._programs = programs_of(timed.plan, self._segment)

    def find(self, costs_at: Callable[[float], Costs]) -> float:
        """The value, or the end of the interval that comes closest."""

        def excess_s(value: float) -> float:
            costs = costs_at(value)
            simulation = simulate(self._timed.plan, costs, self._segment, self._programs)
            return simulation.period_s - self._timed.period_s

        low, high = self._low, self._high
        left, right = self._near
        below, above = excess_s(left), excess_s(right)
        if below > 0 and left > low:
            left, below, right, above = low, excess_s(low), left, below
        elif above < 0 and right < high:
            left, below, right, above = right, above, high, excess_s(high)
        if below >= 0:
            found = left
        elif above <= 0:
            found = right
        else:
            width = (high - low) * _PRECISION
            found = _root(excess_s, (left, below), (right, above), width)
        near = (high - low) * _NEAR
        self._near = max(low, found - near), min(high, found + near)
        return found


_Point = tuple[float, float]
"""A value, and the function there."""


def _root(function: Callable[[float], float], low: _Point, high: _Point, width: float) -> float:
    """Where a rising function is 0, to within half a width, between a point where it is less and
    one where it is more.

    By the Illinois method (Dowell and Jarratt, BIT 11, 1971): the straight line between the points
    says where to look next, and a point that stays twice counts half.
    """
    (left, below), (right, above) = low, high
    stayed = ""
    while right - left > width:
        middle = (left * above - right * below) / (above - below)
        middle = min(max(middle, left + width / 2), right - width / 2)
        found = function(middle)
        if not found:
            return middle
        if found < 0:
            left, below = middle, found
            if stayed == "right":
                above /= 2
            stayed = "right"
        else:
            right, above = middle, found
            if stayed == "left":
                below /= 2
            stayed = "left"
    return (left + right) / 2
