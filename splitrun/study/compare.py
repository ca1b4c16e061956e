"""`compare`: one experiment run several ways; which is faster, by how much, and at what price.

Two parts that share nothing but the arms: `timing` measures how fast they are, over short segments;
`quality` what they learn, over whole trainings.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from splitrun.data import OnDownload
from splitrun.errors import SpecError, UsageError
from splitrun.model import default_metrics
from splitrun.plan import Plan
from splitrun.session import Experiment, prepare
from splitrun.simulate import Costs, Recommendation, bound, predict
from splitrun.simulate.costs import bytes_per_row
from splitrun.spec import Document, Spec
from splitrun.spec.model import Metric, Pipeline
from splitrun.study.arms import BASELINE, DEPTHS, SCHEDULES, Arm, Schedule, choose_arms, piped
from splitrun.study.comparison import ArmResult, Comparison, Staleness
from splitrun.study.quality import Scores, score
from splitrun.study.statistics import estimate_mean, estimate_median, estimate_speedup
from splitrun.study.timing import Entrant, Tell, Turns, baseline_of, enter, race, rates
from splitrun.study.training import Subject
from splitrun.study.verdict import Finding, compare_metric


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
    seeds: int = 3
    margin: float = 0.005
    """The largest difference of the metric that doesn't matter, in its own unit."""


@dataclass(frozen=True)
class Field:
    """The arms that take part, each with what it trains and its plan."""

    subjects: Mapping[Arm, Subject]
    plans: Mapping[Arm, Plan]
    costs: Costs
    advice: Recommendation

    @property
    def recommended(self) -> Arm:
        """What the probed costs speak for; the baseline where the models cannot be run that way."""
        arm = Arm.of(self.advice.plan)
        return arm if arm in self.subjects else BASELINE


def line_up(
    document: Document,
    settings: Settings,
    tell: Tell,
    *,
    data_dir: Path | None = None,
    on_download: OnDownload | None = None,
) -> Field:
    """Load the data, probe the costs, and choose the arms.

    An arm that was not asked for and cannot be run is left out.

    Raises:
        UsageError: the spec, its data or its models cannot be used, or an arm that was asked for
            cannot be run, or no rows are held out.
    """
    pipeline = Pipeline(
        schedule="stale", depth="auto", max_staleness=document.spec.pipeline.max_staleness
    )
    probed = replace(document, spec=piped(document.spec, pipeline))
    experiment = prepare(probed, data_dir=data_dir, on_download=on_download, probe=True)
    if not len(experiment.data.test_ids):
        remedy = "compare with dataset.test_fraction above 0"
        raise UsageError(f"no rows are held out, so arms cannot be told apart; {remedy}")
    assert experiment.costs is not None
    assert experiment.advice is not None
    subjects, plans = _arms(document, experiment, experiment.advice, settings, tell)
    return Field(subjects, plans, experiment.costs, experiment.advice)


def compare(field: Field, settings: Settings, metric: str | None, tell: Tell) -> Comparison:
    """Measure the arms.

    Args:
        metric: one of the spec's `training.metrics`, or `loss`; default: its first.

    Raises:
        RunFailed: a role failed.
        UsageError: the held-out rows do not define the metric.
    """
    name = metric or _metrics(field.subjects[BASELINE].spec)[0]
    known = next((each for each in _metrics(field.subjects[BASELINE].spec) if each == name), None)
    scores = score(field.subjects, known, settings.seeds, tell)
    entrants = enter(field.subjects, field.plans, field.costs, settings.budget_s)
    turns = race(entrants, budget_s=settings.budget_s, repeats=settings.repeats, tell=tell)
    baseline = baseline_of(turns)
    (other,) = (each for each in turns if each.arm == BASELINE and each is not baseline)
    results = tuple(
        _result(field, entrant, turns, baseline, scores, settings.margin)
        for entrant in turns
        if entrant is not other
    )
    return Comparison(
        metric=name,
        arms=results,
        baseline_gain=estimate_speedup(rates(turns[other]), rates(turns[baseline])).median,
        recommended=field.recommended,
        advice=_advice(field, results, name),
    )


def _advice(field: Field, results: Sequence[ArmResult], metric: str) -> str:
    """The reason for what is recommended, and what is known to speak against it."""
    result = next(each for each in results if each.arm == field.recommended)
    verdict = result.comparison.verdict
    if verdict.finding in (Finding.IDENTICAL, Finding.EQUIVALENT):
        return field.advice.reason
    difference = result.comparison.difference.mean
    return f"{field.advice.reason}; but mind {metric}: {difference:+.4f} ({verdict})"


def _arms(
    document: Document,
    experiment: Experiment,
    advice: Recommendation,
    settings: Settings,
    tell: Tell,
) -> tuple[dict[Arm, Subject], dict[Arm, Plan]]:
    schedules, depths = settings.schedules or SCHEDULES, settings.depths or DEPTHS
    subjects: dict[Arm, Subject] = {}
    plans: dict[Arm, Plan] = {}
    for arm in choose_arms(document.spec, schedules, depths, Arm.of(advice.plan)):
        subject = Subject(arm.applied(document.spec), experiment.data, document.directory)
        asked = settings.depths if arm.schedule == "stale" else settings.schedules
        try:
            with document.located():
                plans[arm] = subject.plan()
        except SpecError as error:
            if asked is not None:
                raise
            tell(f"left out {arm}: {error.problems[0].what}")
        else:
            subjects[arm] = subject
    return subjects, plans


def _metrics(spec: Spec) -> tuple[Metric, ...]:
    return spec.training.metrics or default_metrics(spec.top.loss)


def _result(
    field: Field,
    entrant: Entrant,
    turns: Turns,
    baseline: Entrant,
    scores: Mapping[Arm, Scores],
    margin: float,
) -> ArmResult:
    arm, costs = entrant.arm, field.costs
    mine, reference = scores[arm], scores[BASELINE]
    limit = bound(entrant.plan, costs)
    return ArmResult(
        arm=arm,
        runtime=entrant.runtime,
        samples_per_s=estimate_median(rates(turns[entrant])),
        speedup=estimate_speedup(rates(turns[baseline]), rates(turns[entrant])),
        bound_samples_per_s=limit.segment_samples_per_s,
        limited_by=limit.limited_by,
        predicted_samples_per_s=predict(entrant.plan, costs).samples_per_s,
        metric=estimate_mean(mine.values),
        comparison=compare_metric(
            reference.values,
            mine.values,
            margin,
            identical=mine.weights_sha256 == reference.weights_sha256,
        ),
        staleness=Staleness.of(field.plans[arm]),
        bytes_per_step=_bytes_per_step(field.plans[arm]),
        cpu_percent=estimate_mean([turn.cpu_percent for turn in turns[entrant]]).mean,
    )


def _bytes_per_step(plan: Plan) -> int:
    """Bytes that a full batch sends from party to party, both ways."""
    party = {role.name: role.party for role in plan.roles}
    return plan.rows(0) * sum(
        bytes_per_row(plan, channel)
        for channel in plan.channels
        if party[channel.source] != party[channel.target]
    )
