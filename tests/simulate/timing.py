"""Plans with times for tests: costs from a few numbers, and strategies for unlike plans."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from splitrun.plan import Op, Plan
from splitrun.simulate import Cost, Costs
from splitrun.spec import Compute
from tests.plan.plans import make_plan

AMPLE = 1000.0
"""Cores enough for everyone."""

few = settings(max_examples=20)
"""For laws of whole simulations."""


def ms(milliseconds: float, per_row: float = 0.0) -> Cost:
    return Cost(milliseconds / 1e3, per_row / 1e3)


def uniform_costs(
    plan: Plan,
    cores: float = AMPLE,
    *,
    forward: Cost | None = None,
    backward: Cost | None = None,
    update: Cost | None = None,
    loss: Cost | None = None,
) -> Costs:
    """The same costs at every bottom: 2, 3 and 1 ms, and 1 ms for the top's loss and update."""
    bottom = {
        Op.FORWARD: forward or ms(2),
        Op.BACKWARD: backward or ms(3),
        Op.UPDATE: update or ms(1),
    }
    return Costs(
        {role.name: bottom for role in plan.bottoms}
        | {plan.top.name: {Op.LOSS: loss or ms(1), Op.UPDATE: update or ms(1)}},
        cores,
    )


def emulating(plan: Plan, compute: Mapping[str, Compute]) -> Plan:
    """The plan with emulated hardware at some roles, by name."""
    return replace(
        plan,
        bottoms=tuple(replace(role, compute=compute.get(role.name)) for role in plan.bottoms),
        top=replace(plan.top, compute=compute.get(plan.top.name)),
    )


def narrowed(plan: Plan, capacity: int) -> Plan:
    """The plan with room for fewer messages on every channel."""
    channels = tuple(replace(channel, capacity=capacity) for channel in plan.channels)
    return replace(plan, channels=channels)


# A row of a cut is 12 bytes and a batch has 10 rows: at 0.05 Mbit/s it takes 19.2 ms.
_BANDWIDTHS = st.sampled_from([None, 1.0, 0.2, 0.1, 0.05])


def links(jitter: st.SearchStrategy[int]) -> st.SearchStrategy[dict[str, Any]]:
    """Links between parties p0 to p3, of which some have one of their own for some direction."""
    link = st.fixed_dictionaries(
        {"latency_ms": st.integers(0, 40), "bandwidth_mbps": _BANDWIDTHS, "jitter_ms": jitter}
    )
    ways = st.sampled_from(["p0->p1", "p1->p0", "p0-p2", "p3->p0"])
    return st.builds(
        lambda default, own: {"default": default} | own, link, st.dictionaries(ways, link)
    )


_MANY_ROWS = st.just(1000)
_NO_JITTER = st.just(0)
_AMPLE_CORES = st.just(AMPLE)


@st.composite
def timed_plans(
    draw: st.DrawFn,
    *,
    schedules: tuple[str, ...] = ("sequential", "stale", "microbatch"),
    rows: st.SearchStrategy[int] = _MANY_ROWS,
    jitter: st.SearchStrategy[int] = _NO_JITTER,
    cores: st.SearchStrategy[float] = _AMPLE_CORES,
    channel_costs: bool = True,
) -> tuple[Plan, Costs]:
    """Unlike plans, and costs in whole milliseconds, so that no two limits all but agree."""
    parties = draw(st.integers(2, 4))
    plan = make_plan(
        schedule=draw(st.sampled_from(schedules)),
        depth=draw(st.integers(1, 6)),
        depths=draw(st.dictionaries(st.integers(0, parties - 1), st.integers(1, 6), max_size=2)),
        micro_batches=draw(st.integers(2, 4)),
        parties=parties,
        rows=draw(rows),
        links=draw(links(jitter)),
    )
    cost = st.integers(0, 5).map(ms)
    ops = {Op.FORWARD: cost, Op.BACKWARD: cost, Op.UPDATE: cost}
    if channel_costs:
        ops |= {Op.LOAD: cost, Op.SEND: cost, Op.RECV: cost}
    bottoms = {role.name: draw(st.fixed_dictionaries(ops)) for role in plan.bottoms}
    top = draw(st.fixed_dictionaries({Op.LOSS: st.integers(1, 8).map(ms), Op.UPDATE: cost}))
    return plan, Costs(bottoms | {plan.top.name: top}, draw(cores))
