"""`compare`: one experiment run several ways; which is faster, by how much, and at what price.

Three parts that share nothing but the arms: `timing` measures how fast they are, over short
segments; `quality` what they learn, over whole trainings; `recording` keeps one segment of each to
look at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitrun.errors import UsageError
from splitrun.plan import Plan
from splitrun.plan.explain import describe
from splitrun.records.comparison import DepthForecast
from splitrun.runtime.clock import frozen
from splitrun.session import RunDirectory
from splitrun.simulate import Costs, bound, predict, with_depth
from splitrun.spec import Codec, is_falling
from splitrun.study.arms import BASELINE, CODECS, SCHEDULES, Arm, ArmSet, Schedule
from splitrun.study.comparison import (
    ArmResult,
    Choice,
    Comparison,
    recording_path,
    staleness_of,
)
from splitrun.study.directory import MeasurementLog
from splitrun.study.executors import Executor, InProcess
from splitrun.study.quality import Finding, compare_metric, time_to_target
from splitrun.study.scoring import Scores, refuse_undefined, score
from splitrun.study.statistics import estimate_mean, estimate_median, estimate_speedup
from splitrun.study.timing import (
    TimedArm,
    Trials,
    baseline_of,
    enter,
    pipelining,
    rates,
    time_rounds,
    trial_s,
    trial_steps,
)
from splitrun.study.training import RecordedTrial, RuntimeName, record
from splitrun.study.watcher import Course, Watcher

_FORECAST_DEPTHS = (*range(1, 9), 10, 12, 16, 20, 24, 32, 48, 64)


@dataclass(frozen=True)
class CompareSettings:
    """How to compare."""

    schedules: tuple[Schedule, ...] | None = None
    """Beside the baseline and what the probe finds the fastest; None: all that can be run."""
    depths: tuple[int, ...] | None = None
    """Depths of `stale`; None: 2, 4 and 8, as far as the run has steps for them."""
    repeats: int | None = None
    """Rounds of timing; None: until the speedups' intervals are tight, or the budget ends."""
    budget_s: float = 60.0
    """Seconds for the timing; what has begun is finished."""
    seeds: int = 3
    margin: float = 0.005
    """The largest difference of the metric that doesn't matter, in its own unit."""
    target: float | None = None
    """A value of the metric: the time until it is reached is told."""
    unproven: bool = False
    """Whether the fastest arm is taken, whatever its verdict."""
    codecs: tuple[Codec, ...] = ()
    """With which each arm takes part once more."""

    def __post_init__(self) -> None:
        """Refuse what no comparison could do.

        Raises:
            UsageError: naming it.
        """
        for schedule in self.schedules or ():
            _refuse_unknown("schedules", schedule, SCHEDULES)
        for codec in self.codecs:
            _refuse_unknown("codecs", codec, CODECS)
        whole = {"repeats": self.repeats, "seeds": self.seeds}
        for name, count in [*whole.items(), *(("depths", depth) for depth in self.depths or ())]:
            if count is not None and (not isinstance(count, int) or count < 1):
                raise UsageError(f"{name}: {count!r}; give whole numbers from 1")
        for name, value in {"budget_s": self.budget_s, "margin": self.margin}.items():
            if not 0 < value < math.inf:
                raise UsageError(f"{name}: {value!r}; give a positive number")
        if self.target is not None and not math.isfinite(self.target):
            raise UsageError(f"target: {self.target!r}; give a finite number")


def _refuse_unknown(option: str, name: str, known: Sequence[str]) -> None:
    if name not in known:
        raise UsageError(f"{option}: {name!r} is none; give some of {', '.join(known)}")


@frozen()
def compare(
    arms: ArmSet,
    settings: CompareSettings,
    metric: str | None,
    directory: Path,
    watcher: Watcher,
    executor: Executor | None = None,
) -> Comparison:
    """Measure the arms; what could not be measured is found before anything is trained.

    Args:
        arms: the arms.
        settings: how to measure.
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.
        directory: gets the baseline's plan, what was measured, as it comes, and a recording of
            every arm.
        watcher: told how it is getting on.
        executor: of whole trainings; default: this process. What is timed is timed here, when
            they are over.

    Raises:
        RunFailed: a role failed.
        UsageError: the rows that decide do not define the metric.
        OSError: the directory cannot be written.
    """
    name = metric or arms.metrics[0]
    known = next((each for each in arms.metrics if each == name), None)
    baseline = arms.subjects[BASELINE]
    if known is not None:
        refuse_undefined(baseline.parties.label_holder, known)
    RunDirectory(directory).write_json("plan.json", describe(arms.plans[BASELINE]))
    timed_arms = enter(arms.subjects, arms.plans, arms.costs, settings.budget_s)
    watcher = MeasurementLog(directory, name, watcher)
    executor = executor or InProcess()
    course = Course(timed_arms, name, settings.seeds, settings.budget_s, settings.repeats)
    watcher.begin(replace(course, at_once=executor.at_once))
    scores = score(arms.subjects, known, settings.seeds, watcher, executor)
    diverged = tuple(arm for arm in arms.subjects if arm not in scores)
    arms = arms.without(diverged)
    timed_arms = [each for each in timed_arms if each.arm not in diverged]
    with executor.alone(watcher.tell):
        trials = time_rounds(
            timed_arms, budget_s=settings.budget_s, repeats=settings.repeats, watcher=watcher
        )
        recorded = [each for each in timed_arms if each.runtime != "serial"]
        recordings = {
            each.arm: record(
                *(each.subject, each.plan, each.runtime, directory / recording_path(each.arm)),
                watcher.recording(each, number, len(recorded)),
            )
            for number, each in enumerate(recorded, 1)
        }
    return _Measured(arms, settings, name, scores, diverged, trials, recordings).comparison()


@dataclass(frozen=True)
class _Measured:
    """All that was measured of a comparison, before it is judged."""

    arms: ArmSet
    settings: CompareSettings
    metric: str
    scores: Mapping[Arm, Scores]
    diverged: tuple[Arm, ...]
    trials: Trials
    recordings: Mapping[Arm, RecordedTrial]

    def comparison(self) -> Comparison:
        """The arms' results, the baseline's on the runtime that was faster."""
        baseline, arms = baseline_of(self.trials), self.arms
        (other,) = (each for each in self.trials if each.arm == BASELINE and each is not baseline)
        results = tuple(self._result(each, baseline) for each in self.trials if each is not other)
        gain = estimate_speedup(rates(self.trials[other]), rates(self.trials[baseline])).median
        allowed = [result for result in results if arms.allows(result.arm)]
        recommended = _fastest([each for each in allowed if _may_be_recommended(each)])
        fastest, shown = _fastest(allowed), arms.advice.shown
        choice = Choice(
            recommended=recommended.arm,
            fastest=fastest.arm,
            faster_unproven=tuple(
                each.arm
                for each in allowed
                if each.samples_per_s.median > recommended.samples_per_s.median
                and each.comparison.verdict.finding is not Finding.DIFFERENT
            ),
            shown_depth=shown.depth if shown else 1,
            unproven=self.settings.unproven,
        )
        return Comparison(
            metric=self.metric,
            decided_on=next(iter(arms.plans[BASELINE].facts.evaluated_rows)),
            arms=results,
            forecast=_forecast(arms, self.settings.budget_s, baseline.runtime),
            baseline_gain=gain,
            choice=choice,
            certainty=arms.advice.certainty,
            advice="; ".join(_advice(arms, results, choice, self.diverged, self.metric)),
            foretold=arms.advice.reason,
            diverged=self.diverged,
        )

    def _result(self, timed_arm: TimedArm, baseline: TimedArm) -> ArmResult:
        arm, plan, costs = timed_arm.arm, timed_arm.plan, self.arms.costs
        mine, reference = self.scores[arm], self.scores[BASELINE]
        limit = bound(plan, costs)
        samples_per_s = estimate_median(rates(self.trials[timed_arm]))
        epoch_s = self.arms.plans[arm].facts.train_rows / samples_per_s.median
        target = self.settings.target
        return ArmResult(
            arm=arm,
            runtime=timed_arm.runtime,
            samples_per_s=samples_per_s,
            speedup=estimate_speedup(rates(self.trials[baseline]), rates(self.trials[timed_arm])),
            bound_samples_per_s=limit.segment_samples_per_s,
            limited_by=limit.limited_by,
            predicted_samples_per_s=predict(plan, costs, timed_arm.runtime).samples_per_s,
            metric=estimate_mean(mine.values),
            comparison=compare_metric(
                reference.values,
                mine.values,
                self.settings.margin,
                identical=mine.weights_sha256 == reference.weights_sha256,
            ),
            staleness=staleness_of(self.arms.plans[arm]),
            bytes_per_step=_bytes_per_step(plan),
            trials=self.trials[timed_arm],
            curves=mine.curves,
            epoch_s=epoch_s,
            target=None
            if target is None
            else time_to_target(
                list(mine.curves.values()),
                target,
                epoch_s,
                is_falling=is_falling(self.arms.subjects[BASELINE].spec, self.metric),
            ),
            recording=self.recordings[arm],
        )


def _may_be_recommended(result: ArmResult) -> bool:
    """Whether an arm is shown to be as accurate as the baseline, and faster; or is the baseline."""
    faster = result.speedup.interval.lower_bound > 1
    return result.arm == BASELINE or (faster and result.comparison.shows_sameness)


def _fastest(results: Sequence[ArmResult]) -> ArmResult:
    return max(results, key=lambda each: each.samples_per_s.median)


def _advice(
    arms: ArmSet,
    results: Sequence[ArmResult],
    choice: Choice,
    diverged: Sequence[Arm],
    metric: str,
) -> Iterator[str]:
    """What is recommended and why, and what is faster."""
    of = {result.arm: result for result in results}
    recommended = of[choice.recommended]
    if choice.recommended == BASELINE:
        yield f"no faster arm is shown to have sequential's {metric}"
    else:
        sped = f"{recommended.speedup.median:.2f}× sequential"
        yield f"the fastest that is shown to have sequential's {metric}, {sped}"
    if choice.faster_unproven:
        told = (_unproven(of[arm], metric) for arm in choice.faster_unproven)
        yield f"faster, unproven: {', '.join(told)}"
    ruled_out = [each for each in results if not arms.allows(each.arm)]
    faster = [each for each in ruled_out if each.speedup.median > recommended.speedup.median]
    if faster:
        told = (f"{each.arm} ({each.speedup.median:.2f}×)" for each in faster)
        yield f"pipeline.max_staleness {arms.max_staleness} rules out {', '.join(told)}"
    if diverged:
        yield f"but {', '.join(map(str, diverged))} diverged"


def _unproven(result: ArmResult, metric: str) -> str:
    """`stale:8 (7.74×, Δ auroc -0.0113 ±0.0124, inconclusive: 1 more seed needed)`."""
    difference = result.comparison.difference
    ends = difference.interval.ci95
    within = f" ±{ends[1] - difference.mean:.4f}" if ends else ""
    change = f"Δ {metric} {difference.mean:+.4f}{within}"
    return f"{result.arm} ({result.speedup.median:.2f}×, {change}, {result.comparison.verdict})"


def _forecast(arms: ArmSet, budget_s: float, baseline: RuntimeName) -> list[DepthForecast]:
    """Bound and prediction at every depth up to the deepest arm's, over trials like the arms'.

    Args:
        baseline: what one batch at a time was measured on.
    """
    base, costs = arms.plans[BASELINE], arms.costs
    length_s = trial_s(budget_s, len(arms.plans) + 1)
    deepest = max(arm.depth for arm in arms.plans)
    forecasts = []
    for depth in sorted({arm.depth for arm in arms.plans} | set(_FORECAST_DEPTHS)):
        if depth > deepest:
            break
        plan = _shortened(with_depth(base, depth), costs, length_s)
        limit = bound(plan, costs).segment_samples_per_s
        runtime = baseline if depth == 1 else pipelining(arms.subjects[BASELINE].spec)
        rate = predict(plan, costs, runtime).samples_per_s
        forecasts.append(
            DepthForecast(depth=depth, bound_samples_per_s=limit, predicted_samples_per_s=rate)
        )
    return forecasts


def _shortened(plan: Plan, costs: Costs, length_s: float) -> Plan:
    """The plan with the steps of a trial, all batches full."""
    rows = trial_steps(plan, costs, length_s) * plan.rows(0)
    facts = replace(plan.facts, train_rows=rows, validation_rows=0, test_rows=0)
    return replace(
        plan, facts=facts, epochs=1, evaluate_every_epochs=None, checkpoint_every_steps=None
    )


def _bytes_per_step(plan: Plan) -> int:
    """Bytes that a full batch sends from party to party, both ways."""
    party = {role.name: role.party for role in plan.roles}
    return plan.rows(0) * sum(
        plan.bytes_per_row(channel)
        for channel in plan.channels
        if party[channel.source] != party[channel.target]
    )
