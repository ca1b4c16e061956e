"""Runs for tests: a spec as a dictionary in, trained modules and events out."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import yaml
from torch import Tensor, nn

from splitrun.events import Event
from splitrun.model import Stage, weights_sha256
from splitrun.plan import planned_faults
from splitrun.runtime import (
    AffinityTuner,
    BatchLoader,
    Faults,
    Hook,
    Observer,
    Outcome,
    find_runtime,
)
from splitrun.session import Experiment, prepare
from splitrun.session.job import job_of
from splitrun.spec import loads

Content = dict[str, Any]


def prepared(content: Content, data_dir: Path | None = None) -> Experiment:
    """An experiment from a spec's content; relative paths count from the working directory."""
    document = loads(yaml.safe_dump(content, sort_keys=False), "spec.yaml")
    return prepare(document, data_dir=data_dir, allow_code=True)


@dataclass(frozen=True)
class Trained:
    """What a run left behind."""

    experiment: Experiment
    stages: Mapping[str, Stage]
    """By role."""
    events: list[Event]
    outcome: Outcome

    @property
    def weights_sha256(self) -> str:
        return weights_sha256(self.outcome.digests)

    @property
    def weights(self) -> list[Tensor]:
        """All parameters, in the roles' order."""
        modules = (stage.module for stage in self.stages.values())
        return [each.detach() for module in modules for each in module.parameters()]


def modules_of(experiment: Experiment) -> dict[str, nn.Module]:
    """Fresh modules with an experiment's initial weights, by role."""
    stages = experiment.parties.stages(experiment.plan)
    return {role: stage.module for role, stage in stages.items()}


def labels_of(experiment: Experiment) -> Tensor:
    """The label holder's, of all rows."""
    labels = experiment.parties.label_holder.data.labels
    assert labels is not None
    return labels


def trained(
    experiment: Experiment,
    kind: Literal["serial", "threaded", "processes", "grpc", "ray"],
    emit: Callable[[Event], None] | None = None,
    tampered: Mapping[str, BatchLoader] = MappingProxyType({}),
    intra_op_threads: int = 1,
    affinity_tuner: AffinityTuner | None = None,
    stages: Mapping[str, Stage] = MappingProxyType({}),
    hooks: Sequence[Hook] = (),
) -> Trained:
    """Train an experiment; `emit` is called besides, in the roles' threads.

    `tampered` are other batches than the experiment's, `stages` others than fresh ones, by role.
    """
    events: list[Event] = []
    spec = experiment.document.spec

    def both(event: Event) -> None:
        events.append(event)
        if emit is not None:
            emit(event)

    job = job_of(experiment.parties, experiment.plan)
    roles = {
        name: replace(
            work,
            batches=tampered.get(name, work.batches),
            stage=stages.get(name, work.stage),
        )
        for name, work in job.roles.items()
    }
    faults = Faults(planned_faults(spec, experiment.plan))
    job = replace(
        job,
        roles=roles,
        intra_op_threads=intra_op_threads,
        hooks=(*job.hooks, *hooks),
        faults=faults,
        affinity_tuner=affinity_tuner,
    )
    outcome = find_runtime(kind)(job, Observer(both))
    return Trained(experiment, {n: work.stage for n, work in roles.items()}, events, outcome)


class RandomDelays:
    """Holds roles up at random: after instructions, and between sending and the next one.

    As an `emit` it runs in the role's own thread, after every instruction and every message.
    """

    def __init__(self, seed: int, longest_s: float) -> None:
        self._seed = seed
        self._longest_s = longest_s
        self._local = threading.local()

    def __call__(self, _: Event) -> None:
        if not hasattr(self._local, "random"):
            self._local.random = random.Random(f"{self._seed}/{threading.current_thread().name}")
        if self._local.random.random() < 0.3:
            time.sleep(self._local.random.uniform(0, self._longest_s))


def synthetic(
    *,
    parties: int = 2,
    bottom: Content | None = None,
    top: Content | None = None,
    rows: int = 700,
    **sections: Any,
) -> Content:
    """A small synthetic spec; the label holder is the first party."""
    bottom = bottom or {"type": "mlp", "hidden": [12], "out": 6}
    content: Content = {
        "name": "made",
        "seed": 5,
        "dataset": {"type": "synthetic", "rows": rows, "numeric": 4, "batch_size": 64},
        "parties": {f"p{i}": {"bottom": bottom} for i in range(parties)},
        "top": {
            "party": "p0",
            "loss": "binary_cross_entropy",
            "model": {"type": "mlp", "hidden": [8], "out": 1},
        }
        | (top or {}),
        "training": {"epochs": 2, "optimizer": {"type": "adam", "lr": 0.01}},
    }
    for key, value in sections.items():
        content[key] = content.get(key, {}) | value if isinstance(value, dict) else value
    return content
