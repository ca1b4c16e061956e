"""How fast the arms are: short segments of training, one arm after the other, in rounds.

A machine's speed drifts, so arms are compared within a round, in which each has one trial; who goes
first changes from round to round. Every trial trains fresh models over one segment of the run: its
fill and its drain are in the time, its evaluation is not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from splitrun.plan import Plan
from splitrun.runtime import AffinityTuner
from splitrun.runtime.clock import now
from splitrun.session.environment import usable_cores
from splitrun.simulate import Costs, predict
from splitrun.spec import Spec
from splitrun.study.arms import BASELINE, Arm
from splitrun.study.statistics import (
    FEWEST_TO_STOP,
    MedianEstimate,
    estimate_median,
    estimate_speedup,
    needs_more,
)
from splitrun.study.training import RuntimeName, Subject, train_fresh
from splitrun.study.watcher import Watcher


@dataclass(frozen=True, eq=False)
class TimedArm:
    """An arm on one runtime, and the segment that it is timed over."""

    arm: Arm
    runtime: RuntimeName
    subject: Subject
    plan: Plan
    affinity_tuner: AffinityTuner = field(default_factory=lambda: AffinityTuner(usable_cores()))
    """Finds the cores that its roles do best on; one trial is too short for that."""


@dataclass(frozen=True)
class Trial:
    """One timed segment; its evaluation and the building of its models are not in it."""

    samples_per_s: float
    step_ms: float
    """Wall time of the segment by its steps, in milliseconds."""
    cpu_percent: float
    """Processor time of this process; 100 is one core."""


Trials = Mapping[TimedArm, Sequence[Trial]]
"""The trials of every timed arm, one a round."""


_HALF_WIDTH = 0.02
"""Half the width of an interval, as a share of the median, that is tight enough."""
_FEWEST_ROUNDS = 3
"""Before a budget may end the timing: fewer have no interval."""
_STEPS = 60
_LONGEST_S, _SHORTEST_S = 1.0, 0.25
"""A trial has 60 steps or takes 1 s, whichever is less; more where the budget allows."""
_FILLS = 3
"""A trial has at least this many steps for each batch in flight, if the run has them."""
_WARM_UP_STEPS = 12


def enter(
    subjects: Mapping[Arm, Subject], plans: Mapping[Arm, Plan], costs: Costs, budget_s: float
) -> list[TimedArm]:
    """All arms on the spec's runtime, or on threads where that is the serial one; the baseline on
    the serial runtime besides."""
    kinds: list[tuple[Arm, RuntimeName]] = [(BASELINE, "serial")]
    kinds += [(arm, pipelining(subject.spec)) for arm, subject in subjects.items()]
    length_s = trial_s(budget_s, len(kinds))
    timed_arms = []
    for arm, kind in kinds:
        steps = trial_steps(plans[arm], costs, length_s)
        shortened = shorten(subjects[arm], steps)
        timed_arms.append(TimedArm(arm, kind, shortened, shortened.plan()))
    return timed_arms


def pipelining(spec: Spec) -> RuntimeName:
    """The runtime that arms with several batches in flight are run on."""
    return "threaded" if spec.runtime.type == "serial" else spec.runtime.type


def time_rounds(
    timed_arms: Sequence[TimedArm],
    *,
    budget_s: float,
    repeats: int | None,
    watcher: Watcher,
) -> dict[TimedArm, list[Trial]]:
    """Time every arm once a round, so many times or until the speedups are known well enough.

    Raises:
        RunFailed: a role failed.
    """
    watcher.warming_up()
    for timed_arm in timed_arms:
        steps = max(_WARM_UP_STEPS, timed_arm.arm.depth)
        warmed = shorten(timed_arm.subject, min(steps, timed_arm.plan.steps))
        train_fresh(warmed, timed_arm.runtime, affinity_tuner=timed_arm.affinity_tuner)
    trials: dict[TimedArm, list[Trial]] = {timed_arm: [] for timed_arm in timed_arms}
    start, done = now(), 0
    while not enough(done, now() - start, budget_s, repeats, lambda: _speedups(trials)):
        first = done % len(timed_arms)
        for timed_arm in (*timed_arms[first:], *timed_arms[:first]):
            watcher.timing(timed_arm, done, now() - start)
            trial = time_trial(timed_arm.subject, timed_arm.runtime, timed_arm.affinity_tuner)
            trials[timed_arm].append(trial)
        done += 1
        watcher.round(trials, now() - start, budget_s if repeats is None else None)
    return trials


def baseline_of(trials: Trials) -> TimedArm:
    """The faster of the two sequential arms: no overhead of ours is sold as a speedup."""
    candidates = [timed_arm for timed_arm in trials if timed_arm.arm == BASELINE]
    return max(candidates, key=lambda timed_arm: estimate_median(rates(trials[timed_arm])).median)


def rates(trials: Sequence[Trial]) -> list[float]:
    """Samples/s, one a trial."""
    return [trial.samples_per_s for trial in trials]


def shorten(subject: Subject, steps: int) -> Subject:
    """So many steps of the same training and no drain in it; whole epochs where it has several."""
    data, size = subject.parties.label_holder.data, subject.spec.dataset.batch_size
    ids = data.train_ids[: steps * size]
    steps_per_epoch = -(-len(ids) // size)
    training = subject.spec.training.model_copy(
        update={"epochs": -(-steps // steps_per_epoch), "evaluate_every_epochs": None}
    )
    spec = subject.spec.model_copy(update={"training": training, "checkpoint": None})
    return replace(subject, parties=subject.parties.under(spec).with_rows(ids))


def trial_s(budget_s: float, timed_arms: int = 1) -> float:
    """Seconds that a trial may take where so many share the budget."""
    return min(_LONGEST_S, max(_SHORTEST_S, budget_s / timed_arms / (FEWEST_TO_STOP + 2)))


def trial_steps(plan: Plan, costs: Costs, length_s: float) -> int:
    """Steps of a trial: never more than lie between two drains of the real run."""
    wanted = wanted_steps(predict(plan, costs).period_s, plan.depth, length_s)
    return min(wanted, next(plan.segments()).stop)


def wanted_steps(period_s: float, depth: int, length_s: float) -> int:
    """Steps of a trial that may take so long, if the run has them."""
    least = min(_STEPS, math.ceil(_LONGEST_S / period_s))
    return max(least, math.ceil(length_s / period_s), _FILLS * depth)


def time_trial(
    subject: Subject, runtime: RuntimeName, affinity_tuner: AffinityTuner | None = None
) -> Trial:
    """Time one training of fresh models.

    Raises:
        RunFailed: a role failed.
    """
    outcome = train_fresh(subject, runtime, affinity_tuner=affinity_tuner)
    statistics = outcome.statistics
    return Trial(
        samples_per_s=statistics.samples / statistics.train_s,
        step_ms=1e3 * statistics.train_s / statistics.steps,
        cpu_percent=100 * outcome.cpu_s / outcome.wall_s,
    )


def enough(
    done: int,
    elapsed_s: float,
    budget_s: float,
    repeats: int | None,
    estimates: Callable[[], Iterable[MedianEstimate]],
) -> bool:
    """Whether to stop: after so many repeats or, without them, when another would not fit into the
    budget or all estimates are tight.

    Args:
        done: how often everything has been measured.
        elapsed_s: what that took.
        budget_s: what it may take; three times are taken in any case.
        repeats: None where estimate and budget decide.
        estimates: what is to be known well enough.
    """
    if repeats is not None:
        return done >= repeats
    if done < _FEWEST_ROUNDS:
        return False
    if elapsed_s * (done + 1) / done > budget_s:
        return True
    return done >= FEWEST_TO_STOP and not any(
        needs_more(estimate, _HALF_WIDTH) for estimate in estimates()
    )


def _speedups(trials: Trials) -> Iterable[MedianEstimate]:
    reference = rates(trials[baseline_of(trials)])
    return (estimate_speedup(reference, rates(each)) for each in trials.values())
