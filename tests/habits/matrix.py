"""Every way in which a habit is trained, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal, get_args

from tests.habits import reference
from tests.habits.course import STEPS_PER_EPOCH, Course, Runtime, sequential, sliced, stale
from tests.habits.habit import Habit
from tests.habits.reference import Weights
from tests.habits.running import TOLERANCE, Bench, Ended, difference, is_right

Column = Literal["sequential", "microbatch", "stale", "resume"]
COLUMNS: tuple[Column, ...] = get_args(Column)
RUNTIMES: tuple[Runtime, ...] = get_args(Runtime)

CHECKPOINTED = {"checkpoint_every_steps": 15}
STOPPED_AT = 37
"""Two checkpoints are there by then, and the newest is of step 30, within an epoch."""
LONG = {"epochs": 50, "evaluate_every_epochs": None}
BEGINS_IN_LONG = 50


@dataclass(frozen=True)
class Cell:
    """One way to train, what was observed, and whether that is what the catalogue says."""

    habit: Habit
    column: Column
    way: str
    observed: str

    @property
    def outcome(self) -> str:
        outcome: str = getattr(self.habit, self.column)
        return outcome

    @property
    def is_right(self) -> bool:
        return is_right(self.outcome, self.observed, self.habit)

    @property
    def is_silent(self) -> bool:
        """Whether the run ended well, and with other weights than it should have."""
        return self.observed.startswith("differs")

    @property
    def word(self) -> str:
        """For a table."""
        said = self.observed.partition(" ")[0]
        words = {"equal": "works", "refused": "refused", "caught": "caught", "differs": "**wrong**"}
        return words.get(said, "**breaks**")


def cells(bench: Bench, habit: Habit) -> Iterator[Cell]:
    """Train a habit in every way; slow."""
    yield from _on_both(bench, habit, "sequential", sequential())
    for micro_batches in (2, 3):
        yield from _on_both(bench, habit, "microbatch", sliced(micro_batches))
    for depth in (2, 4, 8):
        yield from _on_both(bench, habit, "stale", stale(depth))
    if habit.twin:
        plain = replace(habit, stale="equal")
        yield from _alone(bench, plain, "stale", stale(4), "its twin", twin=True)
    if "begins" in habit.kwargs:
        later = replace(habit, kwargs={**habit.kwargs, "begins": BEGINS_IN_LONG})
        yield from _on_both(bench, later, "stale", stale(4, **LONG))
    course = stale(4, **CHECKPOINTED) if habit.stale == "equal" else sequential(**CHECKPOINTED)
    yield from _alone(bench, habit, "resume", course, "not stopped")
    evaluated = replace(course, checkpoint_every_steps=STEPS_PER_EPOCH)
    known = partial(reference.weights, habit, evaluated)
    ended = bench.stopped_and_resumed(habit, evaluated, "threaded", stop_at=STOPPED_AT)
    yield Cell(
        habit, "resume", f"{evaluated}, stopped after an evaluation", _observed(ended, known)
    )
    expected = partial(reference.weights, habit, course)
    ended = bench.stopped_and_resumed(habit, course, "threaded", stop_at=STOPPED_AT)
    way = f"{course}, stopped and resumed"
    yield Cell(habit, "resume", way, _observed(ended, expected))


def expected_of(habit: Habit, course: Course) -> tuple[Callable[[], Weights], float]:
    """The reference for a course, and how far from it is still equal.

    Micro-batches are held against whole batches, up to the order of sums; those of a module that
    draws, which draws anew for each, against slices, bit for bit.
    """
    if course.schedule == "microbatch" and not habit.draws:
        whole = replace(course, schedule="sequential", micro_batches=1)
        return partial(reference.weights, habit, whole), TOLERANCE
    return partial(reference.weights, habit, course), 0.0


def _on_both(bench: Bench, habit: Habit, column: Column, course: Course) -> Iterator[Cell]:
    expected, tolerance = expected_of(habit, course)
    known: list[Weights] = []

    def once() -> Weights:
        if not known:
            known.append(expected())
        return known[0]

    digests = []
    for runtime in RUNTIMES:
        ended = bench.trained(habit, course, runtime)
        digests.append(ended.weights_sha256)
        observed = _observed(ended, once, tolerance)
        if tolerance and observed.startswith("differs") and _is_plain(ended, habit, course):
            observed += ", as plain PyTorch's own slices do"
        yield Cell(habit, column, f"{course}, {runtime}", observed)
    if len(set(digests)) > 1:
        yield Cell(habit, column, str(course), "differs between serial and threaded")


def _is_plain(ended: Ended, habit: Habit, course: Course) -> bool:
    """Whether a run has, bit for bit, what plain PyTorch comes to in the same slices."""
    return difference(ended.weights, reference.weights(habit, course)) == ""


def _alone(
    bench: Bench, habit: Habit, column: Column, course: Course, way: str, *, twin: bool = False
) -> Iterator[Cell]:
    expected, tolerance = expected_of(habit, course)
    ended = bench.trained(habit, course, "threaded", twin=twin)
    yield Cell(habit, column, f"{course}, {way}", _observed(ended, expected, tolerance))


def _observed(ended: Ended, expected: Callable[[], Weights], tolerance: float = 0.0) -> str:
    try:
        return ended.observed(expected, tolerance)
    except Exception as error:  # noqa: BLE001 - plain PyTorch cannot train it, but splitrun did
        return f"differs: the reference ends with {type(error).__name__}: {error}"
