"""`compare`: one experiment run several ways; which is faster, by how much, and at what price.

Three parts that share nothing but the arms: `timing` measures how fast they are, over short
segments; `quality` what they learn, over whole trainings; `recording` keeps one segment of each to
look at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitrun.plan import Plan
from splitrun.simulate import Costs, bound, predict, with_depth
from splitrun.study.arms import BASELINE, Arm, Schedule
from splitrun.study.comparison import ArmResult, Comparison, Forecast, Staleness, recording_path
from splitrun.study.entrant import Entrant, Turns
from splitrun.study.field import Field
from splitrun.study.quality import Scores, score
from splitrun.study.recording import Recording, record
from splitrun.study.statistics import estimate_mean, estimate_median, estimate_speedup
from splitrun.study.target import time_to_target
from splitrun.study.timing import baseline_of, enter, race, rates, turn_s, turn_steps
from splitrun.study.training import RuntimeName
from splitrun.study.verdict import Finding, compare_metric
from splitrun.study.watcher import Watcher

_FASTER = 1.05
"""Times the recommended arm's throughput, from which the measured best is named beside it."""
_FORECAST_DEPTHS = (*range(1, 9), 10, 12, 16, 20, 24, 32, 48, 64)


@dataclass(frozen=True)
class Settings:
    """How to compare."""

    schedules: tuple[Schedule, ...] | None = None
    """Beside the baseline and what is recommended; None: all that can be run."""
    depths: tuple[int, ...] | None = None
    """Of `stale`; None: 2, 4 and 8, as far as the run has steps for them."""
    repeats: int | None = None
    """Rounds of timing; None: until the speedups' intervals are tight, or the budget ends."""
    budget_s: float = 60.0
    """For the timing; what has begun is finished."""
    seeds: int = 3
    margin: float = 0.005
    """The largest difference of the metric that doesn't matter, in its own unit."""
    target: float | None = None
    """Of the metric: the time until it is reached is told."""


def compare(
    field: Field, settings: Settings, metric: str | None, directory: Path, watcher: Watcher
) -> Comparison:
    """Measure the arms.

    Args:
        field: the arms.
        settings: how to measure.
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.
        directory: gets a recording of every arm.
        watcher: told how it is getting on.

    Raises:
        RunFailed: a role failed.
        UsageError: the held-out rows do not define the metric.
        OSError: the directory cannot be written.
    """
    name = metric or field.metrics[0]
    known = next((each for each in field.metrics if each == name), None)
    scores = score(field.subjects, known, settings.seeds, watcher)
    diverged = tuple(arm for arm in field.subjects if arm not in scores)
    field = field.without(diverged)
    entrants = enter(field.subjects, field.plans, field.costs, settings.budget_s)
    turns = race(entrants, budget_s=settings.budget_s, repeats=settings.repeats, watcher=watcher)
    watcher.tell("recording a turn of each arm …")
    recordings = {
        each.arm: record(each, directory / recording_path(each.arm))
        for each in entrants
        if each.runtime == "threaded"
    }
    return _Measured(field, settings, name, scores, diverged, turns, recordings).comparison()


@dataclass(frozen=True)
class _Measured:
    """All that was measured, to be put together."""

    field: Field
    settings: Settings
    metric: str
    scores: Mapping[Arm, Scores]
    diverged: tuple[Arm, ...]
    turns: Turns
    recordings: Mapping[Arm, Recording]

    def comparison(self) -> Comparison:
        """The arms' results, the baseline's on the runtime that was faster."""
        baseline, field = baseline_of(self.turns), self.field
        (other,) = (each for each in self.turns if each.arm == BASELINE and each is not baseline)
        results = tuple(self._result(each, baseline) for each in self.turns if each is not other)
        gain = estimate_speedup(rates(self.turns[other]), rates(self.turns[baseline])).median
        return Comparison(
            metric=self.metric,
            arms=results,
            forecast=_forecast(field, self.settings.budget_s, baseline.runtime),
            baseline_gain=gain,
            recommended=field.recommended,
            advice="; ".join(_advice(field, results, self.diverged, self.metric)),
            diverged=self.diverged,
        )

    def _result(self, entrant: Entrant, baseline: Entrant) -> ArmResult:
        arm, plan, costs = entrant.arm, entrant.plan, self.field.costs
        mine, reference = self.scores[arm], self.scores[BASELINE]
        limit = bound(plan, costs)
        samples_per_s = estimate_median(rates(self.turns[entrant]))
        epoch_s = self.field.plans[arm].facts.train_rows / samples_per_s.median
        target = self.settings.target
        return ArmResult(
            arm=arm,
            runtime=entrant.runtime,
            samples_per_s=samples_per_s,
            speedup=estimate_speedup(rates(self.turns[baseline]), rates(self.turns[entrant])),
            bound_samples_per_s=limit.segment_samples_per_s,
            limited_by=limit.limited_by,
            predicted_samples_per_s=predict(plan, costs, entrant.runtime).samples_per_s,
            metric=estimate_mean(mine.values),
            comparison=compare_metric(
                reference.values,
                mine.values,
                self.settings.margin,
                identical=mine.weights_sha256 == reference.weights_sha256,
            ),
            staleness=Staleness.of(self.field.plans[arm]),
            bytes_per_step=_bytes_per_step(plan),
            turns=self.turns[entrant],
            curves=mine.curves,
            epoch_s=epoch_s,
            target=None
            if target is None
            else time_to_target(list(mine.curves.values()), self.metric, target, epoch_s),
            recording=self.recordings[arm],
        )


def _advice(
    field: Field, results: Sequence[ArmResult], diverged: Sequence[Arm], metric: str
) -> list[str]:
    """The reason for what is recommended, and what was measured that speaks against it."""
    clauses = [field.advice.reason]
    if diverged:
        clauses.append(f"but {', '.join(map(str, diverged))} diverged")
    result = next(each for each in results if each.arm == field.recommended)
    best = max(results, key=lambda each: each.samples_per_s.median)
    if best.samples_per_s.median > _FASTER * result.samples_per_s.median:
        clauses.append(
            f"measured, {best.arm} was the fastest: {best.speedup.median:.2f}× sequential, "
            f"where {result.arm} had {result.speedup.median:.2f}×"
        )
    verdict = result.comparison.verdict
    if verdict.finding not in (Finding.IDENTICAL, Finding.EQUIVALENT):
        difference = result.comparison.difference.mean
        clauses.append(f"but mind {metric}: {difference:+.4f} ({verdict})")
    return clauses


def _forecast(field: Field, budget_s: float, baseline: RuntimeName) -> list[Forecast]:
    """Bound and prediction at every depth up to the deepest arm's, over turns like the arms'.

    Args:
        baseline: what one batch at a time was measured on.
    """
    base, costs = field.plans[BASELINE], field.costs
    length_s = turn_s(budget_s, len(field.plans) + 1)
    deepest = max(arm.depth for arm in field.plans)
    forecasts = []
    for depth in sorted({arm.depth for arm in field.plans} | set(_FORECAST_DEPTHS)):
        if depth > deepest:
            break
        plan = _shortened(with_depth(base, depth), costs, length_s)
        limit = bound(plan, costs).segment_samples_per_s
        runtime = baseline if depth == 1 else "threaded"
        forecasts.append(Forecast(depth, limit, predict(plan, costs, runtime).samples_per_s))
    return forecasts


def _shortened(plan: Plan, costs: Costs, length_s: float) -> Plan:
    """The plan with the steps of a turn, all batches full."""
    rows = turn_steps(plan, costs, length_s) * plan.rows(0)
    facts = replace(plan.facts, train_rows=rows, test_rows=0)
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
