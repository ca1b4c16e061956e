"""How fast a plan can be at best, and what keeps it from being faster.

In the long run no plan is faster than the maximum cycle ratio of its marked graph, nor than the
work of all roles on the cores they share. A finite segment fills and drains the pipeline besides:
it cannot end before its longest path does, which is what a simulation finds in which every role has
the cores to itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from splitrun.plan import Channel, Plan, Segment
from splitrun.simulate.costs import Costs, step_work_s
from splitrun.simulate.graph import Cycle, Graph, all_full, maximum_ratio_cycle, steady_graph
from splitrun.simulate.predict import segment_time_s


@dataclass(frozen=True)
class Limit:
    """What keeps the period from being shorter."""

    kind: Literal["work", "link", "loop", "cores"]
    name: str
    """In words: "bob.bottom's work", "the uplink bob→alice", "the loop of bob at depth 4"."""
    period_s: float
    """Seconds a step."""
    sum: str
    """How the period comes about, where it is more than one time: "104.1 ms / 4"."""

    def __str__(self) -> str:
        """`the loop of bob at depth 4 (104.1 ms / 4 = 26.0 ms a step)`."""
        equation = f"{self.sum} = " if self.sum else ""
        return f"{self.name} ({equation}{in_ms(self.period_s)} ms a step)"

    def beside(self, period_s: float) -> str:
        """`the uplink bob→alice (21.0 of 21.2 ms)`: next to the period that a plan really has."""
        return f"{self.name} ({in_ms(self.period_s)} of {in_ms(period_s)} ms)"


@dataclass(frozen=True)
class Bound:
    """The least time that a plan takes, and the most throughput it has; jitter enters the endless
    run with its mean, the segment as it is drawn."""

    limit: Limit
    """Of the endless run."""
    samples_per_s: float
    """Of the endless run, its batches all full. Infinite where nothing takes any time."""
    segment_s: float
    """Seconds of the first segment, with its fill and its drain; extrapolated (`stretch`) from
    some hundred steps on."""
    segment_samples_per_s: float

    @property
    def period_s(self) -> float:
        """Seconds a step of the endless run."""
        return self.limit.period_s

    @property
    def limited_by(self) -> str:
        """The limiting term in words, with its numbers."""
        return str(self.limit)


def bound(plan: Plan, costs: Costs) -> Bound:
    """The bound of a plan that trains.

    Raises:
        KeyError: a role has no costs.
    """
    limit = steady_limit(plan, costs)
    segment = next(plan.segments())
    alone_s = segment_time_s(plan, costs.alone(), segment)
    segment_s = max(alone_s, _work_s(plan, costs, segment) / _cores(plan, costs))
    samples = plan.samples_before(segment.stop)
    return Bound(
        limit=limit,
        samples_per_s=_rate(plan.rows(0), limit.period_s),
        segment_s=segment_s,
        segment_samples_per_s=_rate(samples, segment_s),
    )


def steady_limit(plan: Plan, costs: Costs) -> Limit:
    """What limits the endless run of a plan, its batches all full.

    Raises:
        KeyError: a role has no costs.
    """
    graph = steady_graph(plan, costs)
    cycle = maximum_ratio_cycle(len(graph.nodes), graph.edges)
    work_s = step_work_s(all_full(plan), costs, 0)
    cores = _cores(plan, costs)
    if work_s / cores > cycle.ratio:
        total = f"{in_ms(work_s)} ms of work / {cores:.2g} cores"
        return Limit("cores", "the cores", work_s / cores, total)
    return _limit_of(cycle, graph, plan)


def in_ms(seconds: float) -> str:
    """A time in milliseconds, to a tenth or to two digits: `104.1`, `0.25`."""
    milliseconds = seconds * 1e3
    return f"{milliseconds:.1f}" if milliseconds >= 1 else f"{milliseconds:.2g}"


def _limit_of(cycle: Cycle, graph: Graph, plan: Plan) -> Limit:
    owners = {graph.nodes[edge.source].owner for edge in cycle.edges}
    links = [channel for channel in plan.channels if channel.name in owners]
    if len(owners) > 1:
        total = f"{in_ms(cycle.weight)} ms / {cycle.tokens}" if cycle.tokens > 1 else ""
        return Limit("loop", _loop_name(owners, cycle, plan), cycle.ratio, total)
    if links:
        return Limit("link", _link_name(links[0], plan), cycle.ratio, "")
    return Limit("work", f"{owners.pop()}'s work", cycle.ratio, "")


def _link_name(channel: Channel, plan: Plan) -> str:
    party = {role.name: role.party for role in plan.roles}
    way = "downlink" if channel.source == plan.top.name else "uplink"
    return f"the {way} {party[channel.source]}→{party[channel.target]}"


def _loop_name(owners: set[str], cycle: Cycle, plan: Plan) -> str:
    parties = [bottom.party for bottom in plan.bottoms if bottom.name in owners]
    if len(parties) > 1:
        return f"the loop through {' and '.join(parties)}"
    slices = f" in {plan.micro_batches} micro-batches" if plan.micro_batches > 1 else ""
    return f"the loop of {parties[0]} at depth {cycle.tokens}{slices}"


def _work_s(plan: Plan, costs: Costs, segment: Segment) -> float:
    """Seconds of work of all roles, from the first step on."""
    last = plan.steps_per_epoch - 1
    epochs = segment.stop // plan.steps_per_epoch
    full = (segment.stop - epochs) * step_work_s(plan, costs, 0)
    return full + epochs * step_work_s(plan, costs, last)


def _cores(plan: Plan, costs: Costs) -> float:
    """Roles that get in each other's way could still take turns on one core."""
    return max(1.0, costs.cores(plan))


def _rate(samples: int, seconds: float) -> float:
    return samples / seconds if seconds else math.inf
