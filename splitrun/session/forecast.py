"""What probed costs foretell of a plan, and what is shown of its accuracy."""

from __future__ import annotations

from typing import Any

from splitrun.plan import Plan
from splitrun.session.prepare import Experiment
from splitrun.simulate import ThroughputPrediction, bound, predict


def forecast(experiment: Experiment) -> dict[str, Any]:
    """What probed costs foretell of the plan: its bound, its throughput, and better depths.

    `recommended_depth` is the fastest that is shown to be accurate, `fastest_depth` the fastest,
    and `shown_depth` the deepest that the evidence speaks for.
    """
    advice = experiment.advice
    if experiment.costs is None or advice is None:
        return {}
    limit = bound(experiment.plan, experiment.costs)
    runtime = experiment.document.spec.runtime.type
    prediction = predict(experiment.plan, experiment.costs, runtime)
    return {
        "bound": {
            "period_ms": limit.period_s * 1e3,
            "samples_per_s": limit.segment_samples_per_s,
            "limited_by": limit.limited_by,
        },
        "predicted_samples_per_s": prediction.samples_per_s,
        "effective_cores": experiment.costs.effective_cores,
        "wakeup_latency_ms": experiment.costs.wakeup_latency_s * 1e3,
        "recommended_depth": advice.plan.depth,
        "fastest_depth": advice.fastest.depth,
        "shown_depth": advice.shown.depth if advice.shown else None,
        "shown_of": advice.shown.of if advice.shown else None,
        "unproven": experiment.unproven,
        "recommended": _choice(advice.plan, advice.prediction, advice.speedup),
        "fastest": _choice(advice.fastest, advice.fastest_prediction, advice.fastest_speedup),
        "certainty": advice.certainty.to_json() if advice.certainty else None,
        "advice": advice.reason,
    }


def _choice(plan: Plan, prediction: ThroughputPrediction, speedup: float) -> dict[str, Any]:
    return {
        "schedule": plan.schedule,
        "depth": plan.depth,
        "micro_batches": plan.micro_batches,
        "predicted_samples_per_s": prediction.samples_per_s,
        "speedup": speedup,
    }
