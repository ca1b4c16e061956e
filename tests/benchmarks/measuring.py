"""How fast an experiment trains over a stretch of it, and what was foretold."""

from __future__ import annotations

import gc
import math
from dataclasses import replace
from statistics import median

from splitrun.plan import Plan
from splitrun.session import Experiment, prepare
from splitrun.simulate import predict
from splitrun.spec import Document
from splitrun.study.arms import piped
from splitrun.study.timing import shorten
from splitrun.study.training import RuntimeName, Subject, train_fresh


def probed(document: Document) -> Experiment:
    """The experiment with its costs measured now."""
    return prepare(document, probe=True)


def stretch(experiment: Experiment, plan: Plan, seconds: float, fewest: int) -> int:
    """Steps that are foretold to take so long, in whole rounds of the pipeline."""
    assert experiment.costs is not None
    steps = max(fewest, math.ceil(seconds / predict(plan, experiment.costs).period_s))
    return -(-steps // plan.depth) * plan.depth


def subject_of(experiment: Experiment, document: Document, steps: int) -> Subject:
    """So many steps of it."""
    return shorten(Subject(document.spec, experiment.data, document.directory), steps)


def samples_per_s(subject: Subject, kind: RuntimeName = "threaded") -> float:
    """Of one training of fresh models."""
    gc.collect()
    ledger = train_fresh(subject, kind).ledger
    return ledger.samples / ledger.train_s


def median_samples_per_s(subject: Subject, repeats: int, kind: RuntimeName = "threaded") -> float:
    """Of some trainings, after a short one to warm up."""
    plan = subject.plan()
    samples_per_s(shorten(subject, min(max(12, plan.depth), plan.steps)), kind)
    return median(samples_per_s(subject, kind) for _ in range(repeats))


def at_depth(document: Document, depth: int) -> Document:
    """The same experiment, `stale` at this depth; sequential at 1."""
    pipeline = document.spec.pipeline.model_copy(
        update={"schedule": "stale" if depth > 1 else "sequential", "depth": depth}
    )
    return replace(document, spec=piped(document.spec, pipeline))
