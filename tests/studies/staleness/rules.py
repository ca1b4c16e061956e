"""What a rule's name comes to: shipped rules, changed optimizers, other bottoms."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from splitrun.spec import compensation_of
from tests.studies.staleness.tasks import OPTIMIZERS, TASKS, Content, spec_of
from tests.studies.staleness.trial_rules import STAGES

SHIPPED = ("weight_prediction", "spike", "long_momentum", "discount")
CONTROL = "control"
"""Sequential, with the learning rates that `discount` gives at the depth."""
OTHER_SEED = "other_seed"
"""The same split with other initial weights and another batch order: what chance alone does."""
DRAINED = "drained"
"""The pipeline drains after every four rounds, so that a batch in eight is not stale."""
DOUBLE_BUFFERED = "double_buffered"
"""What is in flight makes two batches, gradients accumulate over each, and staleness is 1
(PipeDream-2BW: Narayanan et al. 2021); the learning rate grows with the batch, by its root for
Adam."""


def _less_momentum(optimizer: Content, depth: int) -> Content:
    """1 - m grows with the depth (Mitliagkas et al. 2016: asynchrony is momentum of its own)."""

    def less(momentum: float) -> float:
        return max(0.0, 1 - (1 - momentum) * depth)

    if "momentum" in optimizer:
        return optimizer | {"momentum": less(optimizer["momentum"])}
    return optimizer | {"betas": [less(0.9), 0.999]}


def _slower(power: float) -> Callable[[Content, int], Content]:
    """The learning rate divided by this power of the staleness, all the time."""
    return lambda optimizer, depth: (
        optimizer | {"lr": optimizer["lr"] / math.pow(max(1, depth - 1), power)}
    )


def _stretched(times: float) -> Callable[[Content, int], Content]:
    """Momentum whose memory is so many times the delay's multiple of what it was."""

    def change(optimizer: Content, depth: int) -> Content:
        factor = max(1.0, times * (depth - 1))
        if "momentum" in optimizer:
            momentum = 1 - (1 - optimizer["momentum"]) / factor
            return optimizer | {"momentum": momentum, "lr": optimizer["lr"] / factor}
        return optimizer | {"betas": [1 - 0.1 / factor, 0.999]}

    return change


CHANGES: Mapping[str, Callable[[Content, int], Content]] = {
    "less_momentum": _less_momentum,
    "fixed_momentum": lambda optimizer, _: optimizer | {"betas": [0.99, 0.999]},
    "stretched": _stretched(1),
    "half_stretched": _stretched(0.5),
    "root_rate": _slower(0.5),
    "whole_rate": _slower(1.0),
}
"""What becomes of the optimizer of the bottoms."""


OTHERS = (CONTROL, OTHER_SEED, DRAINED, DOUBLE_BUFFERED)


def parts_of(rule: str) -> tuple[str, ...]:
    """The names that make up a rule.

    Raises:
        KeyError: one is unknown.
    """
    parts = () if rule == "none" else tuple(rule.split("+"))
    for part in parts:
        if part not in (*SHIPPED, *CHANGES, *STAGES, *OTHERS):
            raise KeyError(f"unknown rule {part!r}")
    return parts


def canonical(rule: str, optimizer: str) -> str:
    """`auto` by the names of what it picks; other rules as they are."""
    if rule != "auto":
        return "+".join(parts_of(rule)) or "none"
    sections: dict[str, Content] = {
        "training": {"optimizer": OPTIMIZERS[optimizer]},
        "pipeline": {"schedule": "stale", "compensation": "auto"},
    }
    return "+".join(rule.type for rule in compensation_of(spec_of("bank", 0, **sections), "alice"))


def sections_of(task: str, optimizer: str, depth: int, rule: str) -> dict[str, Content]:
    """Sections of the spec: the optimizers, the pipeline, and what else a rule changes."""
    parts = parts_of(rule)
    shipped = [part for part in parts if part in SHIPPED]
    if "extrapolation" in parts:
        shipped.append("weight_prediction")
    pipeline: Content = {"schedule": "sequential"}
    if depth > 1 and CONTROL not in parts:
        pipeline = {"schedule": "stale", "depth": depth, "compensation": shipped or "none"}
    given, others = OPTIMIZERS[optimizer], dict[str, Content]()
    if DRAINED in parts:
        others["checkpoint"] = {"every_steps": 4 * depth}
    if DOUBLE_BUFFERED in parts:
        factor = max(1, depth // 2)
        pipeline = {"schedule": "stale", "depth": 2, "compensation": shipped or "none"}
        others["dataset"] = {"batch_size": factor * TASKS[task].content["dataset"]["batch_size"]}
        given = given | {"lr": given["lr"] * factor ** (1 if "momentum" in given else 0.5)}
    changed = given
    for part in parts:
        if part in CHANGES:
            changed = CHANGES[part](changed, depth)
    return {
        "training": {"optimizer": changed},
        "top": {"optimizer": given},
        "pipeline": pipeline,
        **others,
    }
