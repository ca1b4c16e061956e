"""A plan's programs on a virtual clock.

`simulate` runs a segment and gives its timeline; `predict` a whole run's throughput, `bound` the
most it could have and what limits it, `recommend` the depth that pays and is shown to be accurate.
What instructions cost, `Costs`, is probed or given.
"""

from splitrun.simulate.advise import (
    MICRO_BATCHES,
    fastest_depth,
    recommend,
    with_batch_size,
    with_depth,
    with_micro_batches,
)
from splitrun.simulate.bound import Bound, Limit, bound
from splitrun.simulate.calibrate import TimedPlan, calibrate
from splitrun.simulate.costs import MOST_UNEVEN, Cost, Costs
from splitrun.simulate.engine import simulate, simulate_serial
from splitrun.simulate.predict import ThroughputPrediction, predict
from splitrun.simulate.recommendation import (
    FEWEST_ROUNDS,
    Certainty,
    HeldBack,
    Recommendation,
    ShownDepths,
    shown,
)
from splitrun.simulate.simulation import InstructionSpan, Simulation, Transit, events

__all__ = [
    "FEWEST_ROUNDS",
    "MICRO_BATCHES",
    "MOST_UNEVEN",
    "Bound",
    "Certainty",
    "Cost",
    "Costs",
    "HeldBack",
    "InstructionSpan",
    "Limit",
    "Recommendation",
    "ShownDepths",
    "Simulation",
    "ThroughputPrediction",
    "TimedPlan",
    "Transit",
    "bound",
    "calibrate",
    "events",
    "fastest_depth",
    "predict",
    "recommend",
    "shown",
    "simulate",
    "simulate_serial",
    "with_batch_size",
    "with_depth",
    "with_micro_batches",
]
