"""Runs that are stopped on their way, and go on."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml

from splitrun.errors import Interrupted
from splitrun.events import Emit, Event, Sink, StepDone
from splitrun.records.run import RunResult
from splitrun.session import Resume, find_resume, prepare, prepare_resume, train
from splitrun.session.attempt import Source
from splitrun.spec import load
from splitrun.telemetry import JsonLines
from tests.runtime.running import Content, synthetic

STALE = {"schedule": "stale", "depth": 3}
ADAM = {"type": "adam", "lr": 0.01}
MOMENTUM = {"type": "sgd", "lr": 0.05, "momentum": 0.9}
SPARSE = {"type": "embedding_mlp", "embedding_dim": 4, "sparse": True, "hidden": [8], "out": 6}
CATEGORIES = {"categorical": 2, "cardinality": 20}
OWN_LOSS = {"class": "torch.nn:BCEWithLogitsLoss", "kwargs": {"reduction": "none"}} | {
    "labels": "binary"
}
VARIANTS: dict[str, Content] = {
    "sequential": {"pipeline": "sequential", "checkpoint": {"every_epochs": 1}},
    "microbatch": {
        "pipeline": {"schedule": "microbatch", "micro_batches": 3},
        "top": {"loss": OWN_LOSS},
    },
    "stale, 8 deep": {"pipeline": {"schedule": "stale", "depth": 8, "compensation": "auto"}},
    "spike, long momentum": {
        "pipeline": STALE | {"compensation": "auto"},
        "training": {"optimizer": MOMENTUM},
    },
    "prediction": {"pipeline": STALE | {"compensation": "weight_prediction"}},
    "prediction without memory": {
        "pipeline": STALE | {"compensation": "weight_prediction"},
        "training": {"optimizer": {"type": "sgd", "lr": 0.1}},
    },
    "discount, learning-rate schedule": {
        "pipeline": STALE | {"compensation": "discount"},
        "training": {"lr_schedule": {"type": "cosine", "warmup_steps": 3}},
    },
    "sparse embeddings": {
        "pipeline": STALE | {"compensation": "auto"},
        "bottom": SPARSE,
        "training": {"optimizer": {"type": "sparse_adam", "lr": 0.01}},
        "dataset": CATEGORIES,
    },
    "dropout and batch statistics": {
        "pipeline": STALE,
        "bottom": {
            "type": "mlp",
            "hidden": [8],
            "out": 4,
            "dropout": 0.3,
            "normalization": "batch",
        },
        "training": {"optimizer": ADAM | {"fused": True}, "evaluate_every_epochs": 1},
    },
    "validation rows": {
        "pipeline": STALE,
        "dataset": {"validation_fraction": 0.1, "split": "stratified"},
        "training": {"evaluate_every_epochs": 1},
    },
    "early stopping": {  # with what it finds at step 3, after step 15
        "pipeline": STALE,
        "dataset": {"validation_fraction": 0.1},
        "training": {
            "evaluate_every_steps": 3,
            "early_stopping": {"patience": 4, "min_delta": 100},
        },
    },
}


def content_of(variant: str = "prediction", kind: str = "threaded", **sections: Any) -> Content:
    """18 steps with a checkpoint every four, that take long enough to be stopped on the way."""
    common: dict[str, Any] = {
        "links": {"default": {"latency_ms": 30}},
        "checkpoint": {"every_steps": 4},
        "runtime": {"type": kind},
    }
    return synthetic(**(common | VARIANTS[variant] | sections))


def stop_at(step: int) -> Sink:
    """A sink that interrupts the run, once."""

    def sink(event: Event) -> None:
        if isinstance(event, StepDone) and event.step == step:
            raise KeyboardInterrupt

    return sink


def stopped(content: Content, runs: Path, step: int = 10, sinks: Sequence[Sink] = ()) -> Path:
    """The directory of a run that was interrupted at a step."""
    runs.mkdir(exist_ok=True)
    spec = runs / "spec.yaml"
    spec.write_text(yaml.safe_dump(content))
    every: list[Sink] = [JsonLines(), *sinks, stop_at(step)]
    with pytest.raises(Interrupted):
        train(prepare(load(spec), allow_code=True), runs / "runs", every)
    return max((runs / "runs").iterdir())


def never(_: Emit) -> AbstractContextManager[object]:
    """A source with which a run is interrupted before its first step."""
    raise KeyboardInterrupt


def resumed(
    directory: Path,
    kind: Literal["serial", "threaded"] | None = None,
    sinks: Sequence[Sink] = (),
    sources: Sequence[Source] = (),
) -> tuple[Resume, RunResult]:
    """Go on, on another runtime if one is named."""
    resume = find_resume(directory)
    experiment = prepare_resume(resume, allow_code=True)
    spec = experiment.document.spec
    if kind is not None:
        runtime = spec.runtime.model_copy(update={"type": kind})
        spec = spec.model_copy(update={"runtime": runtime})
    document = replace(experiment.document, spec=spec)
    experiment = replace(experiment, document=document)
    every: list[Sink] = [JsonLines(), *sinks]
    return resume, train(experiment, Path("unused"), every, sources, resume)
