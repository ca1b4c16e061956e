"""What probed costs foretell of a plan, and what is shown of its accuracy."""

from __future__ import annotations

from msgspec.structs import replace

from splitrun.plan import Plan
from splitrun.records.run import BoundRecord, ChoiceRecord, PlanRecord
from splitrun.session.prepare import Experiment
from splitrun.simulate import ThroughputPrediction, bound, predict


def forecast(experiment: Experiment, plan: PlanRecord) -> PlanRecord:
    """The plan's record with what probed costs foretell of it: its bound, its throughput, and
    better depths; as it is where they were not probed."""
    advice = experiment.advice
    if experiment.costs is None or advice is None:
        return plan
    limit = bound(experiment.plan, experiment.costs)
    runtime = experiment.document.spec.runtime.type
    prediction = predict(experiment.plan, experiment.costs, runtime)
    return replace(
        plan,
        bound=BoundRecord(
            period_ms=limit.period_s * 1e3,
            samples_per_s=limit.segment_samples_per_s,
            limited_by=limit.limited_by,
        ),
        predicted_samples_per_s=prediction.samples_per_s,
        effective_cores=experiment.costs.effective_cores,
        wakeup_latency_ms=experiment.costs.wakeup_latency_s * 1e3,
        recommended_depth=advice.plan.depth,
        fastest_depth=advice.fastest.depth,
        shown_depth=advice.shown.depth if advice.shown else None,
        shown_of=advice.shown.of if advice.shown else None,
        unproven=experiment.unproven,
        recommended=_choice(advice.plan, advice.prediction, advice.speedup),
        fastest=_choice(advice.fastest, advice.fastest_prediction, advice.fastest_speedup),
        certainty=advice.certainty.to_record() if advice.certainty else None,
        advice=advice.reason,
    )


def _choice(plan: Plan, prediction: ThroughputPrediction, speedup: float) -> ChoiceRecord:
    return ChoiceRecord(
        schedule=plan.schedule,
        depth=plan.depth,
        micro_batches=plan.micro_batches,
        predicted_samples_per_s=prediction.samples_per_s,
        speedup=speedup,
    )
