"""What probed costs foretell of a plan."""

from __future__ import annotations

from typing import Any

from splitrun.session.prepare import Experiment
from splitrun.simulate import bound, predict


def forecast(experiment: Experiment) -> dict[str, Any]:
    """What probed costs foretell of the plan: its bound, its throughput, and a better depth."""
    if experiment.costs is None or experiment.advice is None:
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
        "handover_ms": experiment.costs.handover_s * 1e3,
        "recommended_depth": experiment.advice.plan.depth,
        "recommended": {
            "schedule": experiment.advice.plan.schedule,
            "depth": experiment.advice.plan.depth,
            "micro_batches": experiment.advice.plan.micro_batches,
            "predicted_samples_per_s": experiment.advice.prediction.samples_per_s,
            "speedup": experiment.advice.speedup,
        },
        "advice": experiment.advice.reason,
    }
