"""`compare`: one experiment run several ways; which is faster, by how much, and at what price.

Three parts that share nothing but the arms: `timing` measures how fast they are, over short
segments; `quality` what they learn, over whole trainings; `recording` keeps one segment of each to
look at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitrun.collector import passed_over
from splitrun.plan import Plan
from splitrun.simulate import Costs, bound, predict, with_depth
from splitrun.study.arms import BASELINE, Arm, Schedule
from splitrun.study.comparison import (
    ArmResult,
    Choice,
    Comparison,
    Forecast,
    Staleness,
    recording_path,
)
from splitrun.study.entrant import Entrant, Turns
from splitrun.study.field import Field
from splitrun.study.notebook import Notebook
from splitrun.study.quality import Scores, refuse_undefined, score
from splitrun.study.recording import Recording, record
from splitrun.study.statistics import estimate_mean, estimate_median, estimate_speedup
from splitrun.study.target import time_to_target
from splitrun.study.timing import baseline_of, enter, race, rates, turn_s, turn_steps
from splitrun.study.training import RuntimeName
from splitrun.study.verdict import compare_metric
from splitrun.study.watcher import Watcher

_FORECAST_DEPTHS = (*range(1, 9), 10, 12, 16, 20, 24, 32, 48, 64)


@dataclass(frozen=True)
class Settings:
    """How to compare."""

    schedules: tuple[Schedule, ...] | None = None
    """Beside the baseline and what the probe finds the fastest; None: all that can be run."""
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
    unproven: bool = False
    """Whether the fastest arm is taken, whatever its verdict."""


@passed_over()
def compare(
    field: Field, settings: Settings, metric: str | None, directory: Path, watcher: Watcher
) -> Comparison:
    """Measure the arms; what could not be measured is found before anything is trained.

    Args:
        field: the arms.
        settings: how to measure.
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.
        directory: gets what was measured, as it comes, and a recording of every arm.
        watcher: told how it is getting on.

    Raises:
        RunFailed: a role failed.
        UsageError: the held-out rows do not define the metric.
        OSError: the directory cannot be written.
    """
    name = metric or field.metrics[0]
    known = next((each for each in field.metrics if each == name), None)
    baseline = field.subjects[BASELINE]
    if known is not None:
        refuse_undefined(baseline.spec, baseline.data, known)
    entrants = enter(field.subjects, field.plans, field.costs, settings.budget_s)
    watcher = Notebook(directory, name, watcher)
    scores = score(field.subjects, known, settings.seeds, watcher)
    diverged = tuple(arm for arm in field.subjects if arm not in scores)
    field = field.without(diverged)
    entrants = [each for each in entrants if each.arm not in diverged]
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
        allowed = [result for result in results if field.allows(result.arm)]
        recommended = _fastest([each for each in allowed if each.comparison.shows_sameness])
        fastest, shown = _fastest(allowed), field.advice.shown
        choice = Choice(
            recommended=recommended.arm,
            fastest=fastest.arm,
            faster_unproven=tuple(
                each.arm
                for each in allowed
                if each.samples_per_s.median > recommended.samples_per_s.median
            ),
            shown_depth=shown.depth if shown else 1,
            unproven=self.settings.unproven,
        )
        return Comparison(
            metric=self.metric,
            arms=results,
            forecast=_forecast(field, self.settings.budget_s, baseline.runtime),
            baseline_gain=gain,
            choice=choice,
            certainty=field.advice.certainty,
            advice="; ".join(_advice(field, results, choice, self.diverged, self.metric)),
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


def _fastest(results: Sequence[ArmResult]) -> ArmResult:
    return max(results, key=lambda each: each.samples_per_s.median)


def _advice(
    field: Field,
    results: Sequence[ArmResult],
    choice: Choice,
    diverged: Sequence[Arm],
    metric: str,
) -> Iterator[str]:
    """What is recommended and why, what is faster, and what was said before it was measured."""
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
    ruled_out = [each for each in results if not field.allows(each.arm)]
    faster = [each for each in ruled_out if each.speedup.median > recommended.speedup.median]
    if faster:
        told = (f"{each.arm} ({each.speedup.median:.2f}×)" for each in faster)
        yield f"pipeline.max_staleness {field.max_staleness} rules out {', '.join(told)}"
    if diverged:
        yield f"but {', '.join(map(str, diverged))} diverged"
    yield f"before measuring: {field.advice.reason}"


def _unproven(result: ArmResult, metric: str) -> str:
    """`stale:8 (7.74×, Δ auroc -0.0113 ±0.0124, inconclusive: 1 more seed needed)`."""
    difference = result.comparison.difference
    ends = difference.interval.ci95
    within = f" ±{ends[1] - difference.mean:.4f}" if ends else ""
    change = f"Δ {metric} {difference.mean:+.4f}{within}"
    return f"{result.arm} ({result.speedup.median:.2f}×, {change}, {result.comparison.verdict})"


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
