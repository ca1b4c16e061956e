"""Checks on `checkpoint`: how often, and whether one is ever taken."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Problem
from splitrun.spec.effective import effective_depth
from splitrun.spec.model import Spec


def checkpoint_problems(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that nobody knows when to take."""
    section = spec.checkpoint
    if section is None:
        return
    if section.every_steps is None and section.every_epochs is None:
        what = "does not say how often"
        yield Problem(("checkpoint",), what, "add every_epochs, such as 1, or every_steps")
    if section.every_steps is not None and section.every_epochs is not None:
        what = "every_epochs is given, too"
        yield Problem(("checkpoint", "every_steps"), what, "keep one of the two")


def checkpoint_warnings(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that are never taken, and those before which the pipeline never fills."""
    section = spec.checkpoint
    if section is None:
        return
    epochs, steps = section.every_epochs, section.every_steps
    if epochs is not None and epochs >= spec.training.epochs:
        what = f"no checkpoint is ever taken: the run has {spec.training.epochs} epochs"
        yield Problem(("checkpoint", "every_epochs"), what, "lower it, or use every_steps")
    depth = max(effective_depth(spec, name) for name in spec.parties)
    if steps is not None and depth > 1 and steps < depth:
        what = f"the pipeline drains before it is {depth} batches deep"
        yield Problem(("checkpoint", "every_steps"), what, "raise it, or lower pipeline.depth")
