"""Advice: the depth that pays, if one does, as far as it is shown to be accurate.

More depth is never slower in the long run, since it adds tokens to a marked graph (Cohen, Dubois,
Quadrat and Viot 1985), and gains nothing once something else than a loop is the limit. Until then
throughput grows about as depth does. So few depths have to be simulated: each that is too small
says how much deeper to look.

What is compared is the same plan at another depth, in other slices, with another batch size,
consistent with `splitrun.plan.compile`, which makes plans from specs.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from splitrun.plan import Plan, peak_bytes
from splitrun.simulate.bound import Limit, steady_limit
from splitrun.simulate.costs import Costs, step_work_s
from splitrun.simulate.predict import ThroughputPrediction, predict
from splitrun.simulate.recommendation import Certainty, HeldBack, Recommendation, ShownDepths


def with_depth(plan: Plan, depth: int) -> Plan:
    """The plan with `depth` batches in flight at every bottom; at 1 it is sequential."""
    staled = replace(plan, schedule="stale" if depth > 1 else "sequential")
    return _in_flight(staled, depth, 1)


def with_micro_batches(plan: Plan, micro_batches: int) -> Plan:
    """The plan with every batch in `micro_batches` slices, one batch in flight."""
    return _in_flight(replace(plan, schedule="microbatch"), 1, micro_batches)


def with_batch_size(plan: Plan, batch_size: int) -> Plan:
    """The plan with `batch_size` rows a batch; emulated durations stay as they are."""
    return replace(plan, batch_size=batch_size)


def _in_flight(plan: Plan, depth: int, micro_batches: int) -> Plan:
    capacity = max(2, depth * micro_batches)
    return replace(
        plan,
        bottoms=tuple(replace(bottom, depth=depth) for bottom in plan.bottoms),
        top=replace(plan.top, depth=depth),
        channels=tuple(replace(channel, capacity=capacity) for channel in plan.channels),
        micro_batches=micro_batches,
    )


ENOUGH = 0.95
"""The share of the best throughput that is enough: the rest is not worth more depth."""
DEPTHS = range(1, 65)
"""The depths that are looked at, unless others are asked for."""
MICRO_BATCHES = (2, 4, 8)
BATCH_FACTORS = (0.25, 0.5, 2, 4)
"""Other batch sizes, as multiples of the plan's."""


def recommend(
    plan: Plan,
    costs: Costs,
    *,
    shown: ShownDepths | None = None,
    certainty: Certainty | None = None,
    max_staleness: int | None = None,
    memory_limit_bytes: float = math.inf,
    pipelines: bool = True,
    depths: Iterable[int] = DEPTHS,
    slices: Sequence[int] = MICRO_BATCHES,
) -> Recommendation:
    """The smallest depth with 95 % of the best predicted throughput, the same at every bottom; and
    the smallest with 95 % of the best of those that are shown to be accurate, which is recommended.

    Where no depth pays, or none is allowed, micro-batches are tried by the same measure. Depths
    that the run has no steps for between two drains are left out; 1 is always considered.

    Args:
        shown: the depths at which such a run is accurate; None: nobody asks.
        certainty: how sure the costs are.
        max_staleness: the depth is at most one more.
        memory_limit_bytes: what roles may hold at their peak; without effect on depth 1.
        pipelines: whether the models can be trained with several batches in flight.
        slices: numbers of micro-batches to try.

    Raises:
        KeyError: a role has no costs.
        ValueError: the plan trains nothing, or nothing in it takes any time.
    """
    search = _DepthSearch(plan, costs)
    if not search.limit(1).period_s:
        raise ValueError("nothing takes any time: there is nothing to recommend")
    possible = _possible(plan, depths)
    caps = _caps(plan, possible, max_staleness, memory_limit_bytes, pipelines=pipelines)
    cap = min(caps, key=lambda name: caps[name])
    allowed = [depth for depth in possible if depth <= caps[cap]]
    fastest, free_depth = search.smallest_enough(allowed), search.smallest_enough(possible)
    depth = fastest
    if shown is not None and fastest not in shown.depths:
        safe = [each for each in allowed if each in shown.depths and each < fastest]
        depth = search.smallest_enough(safe)
    chosen, prediction = with_depth(plan, depth), search.prediction(depth)
    if depth == 1:
        chosen, prediction = _in_slices(chosen, costs, prediction, slices)
    faster, foreseen = chosen, prediction
    if fastest > depth:
        faster, foreseen = with_depth(plan, fastest), search.prediction(fastest)
    held_back = None
    gain = search.prediction(free_depth).samples_per_s / foreseen.samples_per_s - 1
    if free_depth > fastest and gain > 0:
        held_back = HeldBack(cap, free_depth, gain)
    return Recommendation(
        plan=chosen,
        prediction=prediction,
        fastest=faster,
        fastest_prediction=foreseen,
        shown=shown,
        certainty=certainty.including(fastest) if certainty else None,
        limit=steady_limit(chosen, costs),
        sequential=search.prediction(1),
        by_depth=search.samples_per_s(),
        by_batch_size=_by_batch_size(chosen, costs, memory_limit_bytes),
        loop_over_work=search.limit(1).period_s / search.limit(possible[-1]).period_s,
        overhead=_overhead(plan, costs),
        held_back=held_back,
    )


def fastest_depth(
    plan: Plan,
    costs: Costs,
    *,
    max_staleness: int | None = None,
    memory_limit_bytes: float = math.inf,
    pipelines: bool = True,
    depths: Iterable[int] = DEPTHS,
) -> int:
    """The depth that `recommend` finds to be the fastest worth having, without the reasons.

    Raises:
        KeyError: a role has no costs.
        ValueError: the plan trains nothing.
    """
    possible = _possible(plan, depths)
    caps = _caps(plan, possible, max_staleness, memory_limit_bytes, pipelines=pipelines)
    allowed = [depth for depth in possible if depth <= min(caps.values())]
    return _DepthSearch(plan, costs).smallest_enough(allowed)


def _possible(plan: Plan, depths: Iterable[int]) -> list[int]:
    return sorted({1, *(depth for depth in depths if depth <= plan.longest_segment)})


def _caps(
    plan: Plan,
    possible: Sequence[int],
    max_staleness: int | None,
    memory_limit_bytes: float,
    *,
    pipelines: bool,
) -> Mapping[str, int]:
    """The greatest depth that is allowed, by what rules out more."""
    caps = {"runtime.memory_limit_mb": max(_fitting(plan, possible, memory_limit_bytes))}
    if max_staleness is not None:
        caps[f"pipeline.max_staleness {max_staleness}"] = max_staleness + 1
    if not pipelines:
        caps["a model that cannot be pipelined"] = 1
    return caps


class _DepthSearch:
    """Looks for a depth, and remembers what it has found out about each."""

    def __init__(self, plan: Plan, costs: Costs) -> None:
        self._plan = plan
        self._costs = costs
        self._limits: dict[int, Limit] = {}
        self._predictions: dict[int, ThroughputPrediction] = {}

    def limit(self, depth: int) -> Limit:
        if depth not in self._limits:
            self._limits[depth] = steady_limit(with_depth(self._plan, depth), self._costs)
        return self._limits[depth]

    def prediction(self, depth: int) -> ThroughputPrediction:
        if depth not in self._predictions:
            self._predictions[depth] = _best(with_depth(self._plan, depth), self._costs)
        return self._predictions[depth]

    def samples_per_s(self) -> Mapping[int, float]:
        """The throughput at every depth that was predicted so far."""
        return {depth: each.samples_per_s for depth, each in sorted(self._predictions.items())}

    def smallest_enough(self, depths: Sequence[int]) -> int:
        """The smallest of ascending depths that has nearly the throughput of the best."""
        useful = self._useful(depths)
        enough = ENOUGH * self.prediction(useful[-1]).samples_per_s
        if self.prediction(1).samples_per_s >= enough:
            return 1
        small, large = 0, len(useful) - 1
        while large - small > 1:
            depth = useful[small]
            in_proportion = depth * enough / self.prediction(depth).samples_per_s
            place = min(max(bisect_left(useful, in_proportion), small + 1), large - 1)
            if self.prediction(useful[place]).samples_per_s < enough:
                small = place
            else:
                large = place
        return useful[large]

    def _useful(self, depths: Sequence[int]) -> list[int]:
        """Depths up to about twice that at which no loop is the limit any more: what jitter at its
        most, twice its mean, may still use."""
        shortest = self.limit(depths[-1]).period_s * (1 + 1e-9)
        place = bisect_left(depths, -shortest, key=lambda depth: -self.limit(depth).period_s)
        return [depth for depth in depths if depth <= 2 * depths[place] + 2]


def _best(plan: Plan, costs: Costs) -> ThroughputPrediction:
    """One batch at a time on the runtime that is faster at it, which is often the serial one."""
    predictions = [predict(plan, costs)]
    if plan.schedule == "sequential":
        predictions.append(predict(plan, costs, "serial"))
    return max(predictions, key=lambda each: each.samples_per_s)


def _fitting(plan: Plan, depths: Sequence[int], limit_bytes: float) -> list[int]:
    """The depths whose plans fit into memory."""
    return [
        depth
        for depth in depths
        if depth == 1 or peak_bytes(with_depth(plan, depth)) <= limit_bytes
    ]


def _in_slices(
    sequential: Plan, costs: Costs, prediction: ThroughputPrediction, slices: Sequence[int]
) -> tuple[Plan, ThroughputPrediction]:
    """One batch at a time: whole, or in as few slices as have nearly the best throughput."""
    plans = [with_micro_batches(sequential, n) for n in slices if n <= sequential.rows(0)]
    choices = [(sequential, prediction), *((plan, predict(plan, costs)) for plan in plans)]
    enough = ENOUGH * max(predicted.samples_per_s for _, predicted in choices)
    return next(choice for choice in choices if choice[1].samples_per_s >= enough)


def _by_batch_size(plan: Plan, costs: Costs, limit_bytes: float) -> Mapping[int, float]:
    """Throughput with other batch sizes that fit into memory and leave the run steps enough for its
    depth."""
    sizes = [int(factor * plan.batch_size) for factor in BATCH_FACTORS]
    plans = [with_batch_size(plan, size) for size in sizes if 1 <= size <= plan.facts.train_rows]
    return {
        each.batch_size: _best(each, costs).samples_per_s
        for each in plans
        if each.steps >= plan.depth and peak_bytes(each) <= limit_bytes
    }


def _overhead(plan: Plan, costs: Costs) -> float:
    """Share of the work that does not depend on rows; 0 where there is no work."""
    work_s = step_work_s(plan, costs, 0)
    return step_work_s(plan, costs.overhead(), 0) / work_s if work_s else 0.0
