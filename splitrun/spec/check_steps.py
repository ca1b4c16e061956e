"""Checks on what is counted in steps, against the steps that a run has."""

from __future__ import annotations

import math
from collections.abc import Iterator

from splitrun.errors import Problem
from splitrun.spec.check_learning import training_rows
from splitrun.spec.model import Spec, SyntheticDataset


def known_steps(spec: Spec) -> int | None:
    """The steps of the whole run, where the spec tells how many rows there are."""
    dataset = spec.dataset
    if not isinstance(dataset, SyntheticDataset):
        return None
    return spec.training.epochs * math.ceil(training_rows(dataset) / dataset.batch_size)


def step_warnings(spec: Spec, steps: int) -> Iterator[Problem]:
    """What does nothing, or hardly the intended, in a run of so many steps."""
    section = spec.checkpoint
    if section is not None and section.every_steps is not None and section.every_steps >= steps:
        what = f"no checkpoint is ever taken: the run has {steps} steps"
        yield Problem(("checkpoint", "every_steps"), what, "lower it")
    warmup = spec.training.lr_schedule.warmup_steps
    if warmup >= steps:
        what = f"the warm-up never ends, and lr is never reached: the run has {steps} steps"
        yield Problem(("training", "lr_schedule", "warmup_steps"), what, "lower it")
