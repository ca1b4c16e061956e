"""Restarts: after a failure that need not come again, a run begins its next life.

A life is one `train`. Its end is written down whatever happens; where the next one begins, the
caller says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from splitrun.errors import Misaligned, NonFiniteLoss, RunFailed
from splitrun.model import assemble
from splitrun.session.prepare import Experiment
from splitrun.spec.model import Supervision

Start = TypeVar("Start")
Outcome = TypeVar("Outcome")


def supervised(
    policy: Supervision,
    live: Callable[[Start], Outcome],
    start: Start,
    next_start: Callable[[RunFailed, int], Start],
) -> Outcome:
    """What the first life that does not fail comes to.

    Args:
        live: one life, from a starting point on.
        start: of the first life.
        next_start: of the life after a failure; it is told which restart that is, from 1.

    Raises:
        RunFailed: what ended the last life; a note says why there is no other.
    """
    restarts = 0
    before: RunFailed | None = None
    while True:
        try:
            return live(start)
        except RunFailed as error:
            if policy.on_failure == "stop":
                raise
            why = why_not_restarted(error, before)
            if restarts == policy.restarts:
                why = f"{restarts} restarts were allowed"
            if why:
                error.add_note(f"not restarted: {why}")
                raise
            before, restarts = error, restarts + 1
            start = next_start(error, restarts)


def why_not_restarted(error: RunFailed, before: RunFailed | None = None) -> str:
    """Why a failure is not worth a restart; empty if it is.

    A run's result depends on its spec alone, so what lies in numbers or rows comes again, and so
    does what has come twice in one place.

    Args:
        before: the failure of the life before.
    """
    if isinstance(error, NonFiniteLoss | Misaligned):
        return "it would come again"
    if not error.run_dir:
        return "it did not come to a run"
    if error.left_behind:
        return f"{' and '.join(error.left_behind)} may still hold what a new life needs"
    if before and _place(error) == _place(before):
        return "it came again in the same place"
    return ""


def _place(error: RunFailed) -> tuple[type[RunFailed], str, str]:
    return type(error), error.role, error.instruction


def afresh(experiment: Experiment) -> Experiment:
    """The same experiment with its models as they were before any step."""
    models = assemble(experiment.document.spec, experiment.data, experiment.directory)
    return replace(experiment, models=models)
