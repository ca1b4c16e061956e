"""Costs for tests: given ones, which nobody has to measure, or measured as briefly as can be."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from splitrun.errors import SpecError
from splitrun.party import Parties
from splitrun.plan import Op, compile
from splitrun.session.probe import ProbeEffort, ProbeResult
from splitrun.simulate import Certainty, Cost, Costs
from splitrun.spec.model import Pipeline

BRIEF = ProbeEffort(
    warm_up_s=0.0,
    trial_s=0.03,
    shortest_trial_s=0.03,
    rounds=1,
    paused_rounds=1,
    most_rounds=1,
)
"""One short trial of everything: what costs come to is not asked."""

_COST = Cost(200e-6, 0.2e-6)


def given_costs(
    parties: Parties, fastest: Callable[[Costs, bool], int], **_: object
) -> ProbeResult:
    """What `probe_costs` gives, with the same costs for every instruction of every role.

    That is 200 µs and 0.2 µs a row on one effective core: about what small models take on a machine
    that is busy with other tests.
    """
    spec = parties.spec
    pipeline = Pipeline(schedule="stale", depth="auto", compensation=spec.pipeline.compensation)
    try:
        parties.under(spec.model_copy(update={"pipeline": pipeline})).facts()
        pipelines = True
    except SpecError:
        pipelines = False
    plan = compile(spec, parties.facts())
    each: Mapping[Op, Cost] = {op: _COST for op in Op if op is not Op.DRAIN}
    costs = Costs({role.name: each for role in plan.roles}, 1.0, wakeup_latency_s=50e-6)
    depth = fastest(costs, pipelines)
    certainty = Certainty(
        depth, depth, rounds=5, seconds=1.0, others_percent=0.0, idle_percent=100.0
    )
    return ProbeResult(costs, pipelines, certainty)
