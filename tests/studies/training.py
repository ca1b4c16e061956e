"""A training as every study does it: the project's own serial runtime, without links."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from splitrun.errors import NonFiniteLoss
from splitrun.events import Evaluated, Event, StepDone
from splitrun.runtime import Job, Observer, find_runtime
from splitrun.spec.measures import Metric


class Trained(NamedTuple):
    """What a training came to."""

    scores: list[float]
    """The metric on the held-out rows, at every evaluation."""
    losses: list[float]
    """By step."""
    diverged: bool
    score: float
    """The last of the scores; chance where the training diverged."""


def trained(job: Job, metric: Metric, chance: float) -> Trained:
    """Train a job to its end, in one thread.

    Args:
        chance: what the metric comes to where nothing was learned.
    """
    scores: list[float] = []
    losses: list[float] = []

    def emit(event: Event) -> None:
        if isinstance(event, Evaluated):
            scores.append(event.metrics[metric] or chance)
        elif isinstance(event, StepDone):
            losses.append(event.loss)

    try:
        find_runtime("serial")(replace(job, intra_op_threads=1), Observer(emit))
    except NonFiniteLoss:
        return Trained(scores, losses, diverged=True, score=chance)
    return Trained(scores, losses, diverged=False, score=scores[-1])
