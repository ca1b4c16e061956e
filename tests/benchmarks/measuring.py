"""How fast an experiment trains over some of its steps, and what was predicted."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from statistics import median

from splitrun.events import Event, Sink, StepDone
from splitrun.plan import Plan
from splitrun.runtime import AffinityTuner
from splitrun.session import Experiment, prepare
from splitrun.session.environment import usable_cores
from splitrun.simulate import predict
from splitrun.spec import Document
from splitrun.study.arms import piped
from splitrun.study.timing import shorten
from splitrun.study.training import Recorder, RuntimeName, Subject, train_fresh

WARM_UPS = 6
"""The most trainings before one is measured."""


def probed(document: Document) -> Experiment:
    """The experiment with its costs measured now."""
    return prepare(document, probe=True)


def steps_lasting(experiment: Experiment, plan: Plan, seconds: float, fewest: int) -> int:
    """Steps that are predicted to take so many seconds, in whole rounds of the pipeline."""
    assert experiment.costs is not None
    steps = max(fewest, math.ceil(seconds / predict(plan, experiment.costs).period_s))
    return -(-steps // plan.depth) * plan.depth


def subject_of(experiment: Experiment, document: Document, steps: int) -> Subject:
    """So many steps of the experiment's data and models, as a document of them wants it."""
    return shorten(Subject(experiment.parties).under(document.spec), steps)


def samples_per_s(
    subject: Subject, kind: RuntimeName = "threaded", affinity_tuner: AffinityTuner | None = None
) -> float:
    """The throughput of one training of fresh models."""
    statistics = train_fresh(subject, kind, affinity_tuner=affinity_tuner).statistics
    return statistics.samples / statistics.train_s


def median_samples_per_s(subject: Subject, repeats: int, kind: RuntimeName = "threaded") -> float:
    """Of some trainings, after short ones in which roles find out where they belong."""
    plan, affinity_tuner = subject.plan(), AffinityTuner(usable_cores())
    short = shorten(subject, min(max(12, plan.depth), plan.steps))
    for _ in range(WARM_UPS):
        samples_per_s(short, kind, affinity_tuner)
        if not affinity_tuner.is_undecided:
            break
    return median(samples_per_s(subject, kind, affinity_tuner) for _ in range(repeats))


def steady_samples_per_s(subject: Subject, affinity_tuner: AffinityTuner) -> float:
    """Of one training, between the two rounds in which its pipeline fills and the one in which it
    drains: then less is done a step."""
    plan = subject.plan()
    ends: list[float] = []
    recorder = Recorder(Path(), [_step_ends(ends)], ())
    train_fresh(subject, "threaded", recorder=recorder, affinity_tuner=affinity_tuner)
    settled = ends[2 * plan.depth - 1 : -plan.depth]
    return plan.batch_size * (len(settled) - 1) / (settled[-1] - settled[0])


def _step_ends(ends: list[float]) -> Sink:
    def note(event: Event) -> None:
        if isinstance(event, StepDone):
            ends.append(event.end)

    return note


def at_depth(document: Document, depth: int) -> Document:
    """The same experiment, `stale` at this depth; sequential at 1."""
    pipeline = document.spec.pipeline.model_copy(
        update={"schedule": "stale" if depth > 1 else "sequential", "depth": depth}
    )
    return replace(document, spec=piped(document.spec, pipeline))
