"""Restarts: after a failure that need not come again, a run begins its next attempt.

An attempt is one `train`. Its end is written down whatever happens; where the next one begins, the
caller says.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

from splitrun.errors import Interrupted, MissingExtra, RunFailed, UsageError
from splitrun.interrupts import interrupted, listening, stopped_by
from splitrun.spec.model import Supervision

Start = TypeVar("Start")
Outcome = TypeVar("Outcome")


def supervised(
    policy: Supervision,
    live: Callable[[Start], Outcome],
    start: Start,
    next_start: Callable[[RunFailed, int], Start],
) -> Outcome:
    """What the first attempt that does not fail comes to.

    Args:
        live: one attempt, from a starting point on.
        start: of the first attempt.
        next_start: of the attempt after a failure; it is told which restart that is, from 1.

    Raises:
        RunFailed: what ended the last attempt; a note says why there is no other.
        UsageError: the first attempt could not begin.
        Interrupted: a signal came before a restart.
    """
    restarts = 0
    failed: RunFailed | None = None
    with listening() as interrupts:
        while True:
            try:
                if failed is not None:
                    restarts += 1
                    start = next_start(failed, restarts)
                return live(start)
            except (UsageError, MissingExtra) as error:
                if failed is None:
                    raise
                failed.add_note(f"not restarted: {error}")
                raise failed from error
            except KeyboardInterrupt as error:
                if failed is None:
                    raise
                raise _not_restarted(failed, stopped_by(error)) from error
            except RunFailed as error:
                if policy.on_failure == "stop" or interrupts.ended:
                    raise
                allowed = restarts < policy.restarts
                why = why_not_restarted(error, failed) if allowed else _spent(restarts)
                if why:
                    error.add_note(f"not restarted: {why}")
                    raise
                failed = _without_frames(error)
            del start
            gc.collect()


def _spent(restarts: int) -> str:
    return f"{restarts} restarts were allowed"


def _not_restarted(failed: RunFailed, number: int) -> Interrupted:
    """How a run ends whose next attempt had not begun when a signal came."""
    ended = Interrupted(f"{interrupted(number)} before a restart; {failed}", number)
    for note in getattr(failed, "__notes__", ()):
        ended.add_note(note)
    return ended


def _without_frames(error: RunFailed) -> RunFailed:
    """The error without what its tracebacks keep alive: optimizers, versions and batches of the
    attempt that failed."""
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def why_not_restarted(error: RunFailed, before: RunFailed | None = None) -> str:
    """Why a failure is not worth a restart; empty if it is.

    A run's result depends on its spec alone, so what lies in numbers or rows comes again, and so
    does what has come twice in one place.

    Args:
        before: the failure of the attempt before.
    """
    if error.recurs:
        return "it would come again"
    if not error.run_dir:
        return "it did not come to a run"
    if error.left_behind:
        return f"{' and '.join(error.left_behind)} may still hold what a new attempt needs"
    if before and _place(error) == _place(before):
        return "it came again in the same place"
    return ""


def _place(error: RunFailed) -> tuple[type[RunFailed], str, str]:
    return type(error), error.role, error.instruction
