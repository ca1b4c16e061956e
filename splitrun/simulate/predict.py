"""What throughput a plan will have, without simulating every step of it.

A run may have 10^7 steps. A pipeline that has settled only repeats itself, so that the middle of a
long segment may be left out when its time is added again, at the throughput of what was simulated.
What is left out are whole epochs where epochs are short, so that each has its short last batch.
Where they are long, it is full batches; a short one in so many counts by its rows. Over 60 unlike
runs of 3,000 steps at depths up to 64 the error was 0.06 % in nine of ten and 0.3 % at most.

Work is not done at one speed: threads get in each other's way more at one moment than at the next,
and a virtual machine's processor is not always there. Where links are the limit that makes no
difference, nor where work is, as slow moments are made up for by fast ones. Between the two it
does: when work is slow it is the limit, and when it is fast the loop is. So throughput is the mean
over the speeds, which change slowly beside a step.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import harmonic_mean

from splitrun.plan import Plan, Segment
from splitrun.simulate.costs import Costs
from splitrun.simulate.engine import simulate, simulate_serial
from splitrun.simulate.programs import Programs, programs_of
from splitrun.simulate.simulation import Simulation

_QUARTERS = (-1.271, -0.325, 0.325, 1.271)
"""Means of the quarters of a normal distribution, in standard deviations."""


@dataclass(frozen=True)
class ThroughputPrediction:
    """A run's training as the simulator foresees it, evaluations left out."""

    samples: int
    steps: int
    train_s: float
    """All segments, each with its fill and its drain."""
    runtime: str = "threaded"

    @property
    def samples_per_s(self) -> float:
        """Infinite where nothing takes any time."""
        return self.samples / self.train_s if self.train_s else math.inf

    @property
    def period_s(self) -> float:
        """Seconds a step, fills and drains included."""
        return self.train_s / self.steps


def predict(plan: Plan, costs: Costs, runtime: str = "threaded") -> ThroughputPrediction:
    """Predict the training time of a whole run.

    Raises:
        KeyError: a role has no costs.
        ValueError: the plan trains nothing.
    """
    if not plan.steps:
        raise ValueError("the plan trains nothing: there is no throughput to predict")
    return ThroughputPrediction(
        samples=plan.epochs * plan.facts.train_rows,
        steps=plan.steps,
        train_s=harmonic_mean(map(_train_s(plan, runtime), _moments(costs))),
        runtime=runtime,
    )


def _moments(costs: Costs) -> Sequence[Costs]:
    """Costs at speeds that are as likely as each other."""
    if not costs.unevenness:
        return [costs]
    return [costs.at_speed(1 + costs.unevenness * deviation) for deviation in _QUARTERS]


def _train_s(plan: Plan, runtime: str) -> Callable[[Costs], float]:
    """Seconds of all segments, given costs."""
    simulated = simulate_serial if runtime == "serial" else simulate
    lengths = Counter(segment.stop - segment.start for segment in plan.segments())
    stretches = [(count, _Stretch(plan, Segment(0, n), simulated)) for n, count in lengths.items()]
    return lambda costs: sum(count * stretch.time_s(costs) for count, stretch in stretches)


_SETTLED_STEPS = 150
"""Steps that show fill, steady state and drain at any depth up to 12."""
_SETTLED_ROUNDS = 12
"""The same in rounds of the deepest loop, for greater depths."""
_JITTERED_STEPS = 600
"""Steps over which jitter comes close to its mean."""
_SHORT_EPOCH = 150
"""Steps of an epoch whose short last batch counts for more than its rows."""
_EPOCHS = 4
"""Short epochs that show how they repeat."""


Simulate = Callable[[Plan, Costs, Segment, Programs], Simulation]
"""`simulate`, or how another runtime is simulated."""


def segment_time_s(plan: Plan, costs: Costs, segment: Segment) -> float:
    """Seconds that a segment takes which begins with an epoch; extrapolated if it is long.

    Raises:
        KeyError: a role has no costs.
    """
    return _Stretch(plan, segment, simulate).time_s(costs)


class _Stretch:
    """A segment, or what is simulated in its place, at whatever costs."""

    def __init__(self, plan: Plan, segment: Segment, simulated: Simulate) -> None:
        self._simulate = simulated
        self._plan, self._segment = plan, replace(segment, evaluation_batches=0)
        self._samples = 0
        is_short = plan.steps_per_epoch <= _SHORT_EPOCH
        short = _with_epochs_left_out(plan) if is_short else _in_full(plan)
        steps = segment.stop - segment.start
        if steps > 2 * short.steps:
            self._plan, self._segment = short, Segment(0, short.steps)
            self._samples = plan.samples_before(steps)
        self._programs = programs_of(self._plan, self._segment)

    def time_s(self, costs: Costs) -> float:
        """Seconds of the segment."""
        simulation = self._simulate(self._plan, costs, self._segment, self._programs)
        if not self._samples:
            return simulation.makespan_s
        samples_per_step = simulation.samples / self._plan.steps
        left_out = (self._samples - simulation.samples) / samples_per_step
        return simulation.makespan_s + left_out * simulation.period_s


def _with_epochs_left_out(plan: Plan) -> Plan:
    return replace(plan, epochs=max(_EPOCHS, -(-_settled_steps(plan) // plan.steps_per_epoch)))


def _in_full(plan: Plan) -> Plan:
    """The plan with one epoch, without a short batch."""
    facts = replace(plan.facts, train_rows=_settled_steps(plan) * plan.batch_size)
    return replace(plan, facts=facts, epochs=1)


def _settled_steps(plan: Plan) -> int:
    jitter = any(channel.timing and channel.timing.jitter_s for channel in plan.channels)
    return max(_JITTERED_STEPS if jitter else _SETTLED_STEPS, _SETTLED_ROUNDS * plan.depth)
