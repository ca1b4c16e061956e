"""Specs that differ in everything that a checkpoint has to carry."""

from __future__ import annotations

import random
from typing import Any

from tests.runtime.running import Content, synthetic

_OPTIMIZERS: list[Content] = [
    {"type": "sgd", "lr": 0.1},
    {"type": "sgd", "lr": 0.05, "momentum": 0.9},
    {"type": "adam", "lr": 0.01},
    {"type": "adamw", "lr": 0.01, "fused": True},
    {"type": "adagrad", "lr": 0.05},
    {"type": "rmsprop", "lr": 0.01, "momentum": 0.5},
]
_LR_SCHEDULES: list[Any] = [
    "constant",
    {"type": "cosine", "warmup_steps": 5},
    {"type": "step", "every_epochs": 1, "gamma": 0.5},
    {"type": "exponential", "gamma": 0.7},
]


def draw(seed: int) -> Content:
    """A small spec with checkpoints, of some 60 steps."""
    luck = random.Random(seed)
    schedule = luck.choice(["sequential", "microbatch", "stale", "stale", "stale"])
    optimizer = luck.choice(_OPTIMIZERS)
    pipeline: Content = {"schedule": schedule}
    if schedule == "microbatch":
        pipeline["micro_batches"] = luck.randint(2, 4)
    if schedule == "stale":
        pipeline |= {"depth": luck.randint(1, 8), "compensation": _compensation(luck, optimizer)}
    content = synthetic(
        rows=1000,
        training={
            "epochs": 5,
            "optimizer": optimizer,
            "lr_schedule": luck.choice(_LR_SCHEDULES),
            "evaluate_every_epochs": luck.choice([None, 1, 2]),
        },
        pipeline=pipeline,
        links={"default": {"latency_ms": luck.choice([2, 4]), "jitter_ms": 1}},
        runtime={"type": luck.choice(["serial", "threaded", "threaded", "processes", "grpc"])},
        checkpoint=luck.choice(
            [{"every_steps": luck.randint(5, 15)}, {"every_epochs": 1, "keep": luck.randint(1, 3)}]
        ),
    )
    content["name"], content["seed"] = f"chaos{seed}", seed
    content["dataset"] |= {"categorical": 2, "cardinality": 30}
    content["top"]["model"]["dropout"] = luck.choice([0.0, 0.2])
    normalization = ["none", "layer"] if schedule == "microbatch" else ["none", "layer", "batch"]
    for party in content["parties"].values():
        party["bottom"] = {
            "type": "mlp",
            "hidden": [12],
            "out": 6,
            "dropout": luck.choice([0.0, 0.3]),
            "normalization": luck.choice(normalization),
        }
    if luck.random() < 0.5 and pipeline.get("compensation", "none") in ("none", "discount", "auto"):
        party = content["parties"]["p1"]
        party["bottom"] |= {"type": "embedding_mlp", "embedding_dim": 4, "sparse": True}
        party["optimizer"] = {"type": "sparse_adam", "lr": 0.01}
    return content


def _compensation(luck: random.Random, optimizer: Content) -> str:
    """One that fits the optimizer."""
    fitting = ["none", "discount", "auto"]
    if optimizer["type"] in ("sgd", "adam", "adamw"):
        fitting.append("weight_prediction")
    momentum = optimizer.get("momentum") and optimizer["type"] == "sgd"
    if momentum or (optimizer["type"] == "adam" and not optimizer.get("fused")):
        fitting += ["spike", "long_momentum"]
    return luck.choice(fitting)
