"""How a habit is trained: the spec around it, in the ways in which it is to be right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from tests.habits.habit import Habit

SEED = 7
BATCH_SIZE = 40
STEPS_PER_EPOCH = 20
LEARNING_RATES = {"adam": 0.01, "sgd": 0.1, "adagrad": 0.05, "sparse_adam": 0.01}

Kind = Literal["sequential", "microbatch", "stale"]
Runtime = Literal["serial", "threaded"]
Content = dict[str, Any]


@dataclass(frozen=True)
class Course:
    """A schedule, and where the pipeline drains on the way."""

    schedule: Kind = "sequential"
    depth: int = 1
    micro_batches: int = 1
    epochs: int = 3
    evaluate_every_epochs: int | None = 1
    checkpoint_every_steps: int | None = None
    neighbour_drops: bool = False
    """The other bottom draws random numbers, too."""

    def __str__(self) -> str:
        """What tests and tables call it."""
        text = {
            "sequential": "sequential",
            "microbatch": f"microbatch {self.micro_batches}",
            "stale": f"stale {self.depth}",
        }[self.schedule]
        return text if self.epochs == Course.epochs else f"{text}, {self.steps:,} steps"

    @property
    def steps(self) -> int:
        return self.epochs * STEPS_PER_EPOCH

    def evaluates_at(self, step: int) -> bool:
        """Whether the held-out rows are looked at after so many steps."""
        every = (self.evaluate_every_epochs or self.epochs) * STEPS_PER_EPOCH
        return step == self.steps or step % every == 0

    def segments(self) -> list[range]:
        """The steps between two drains of the pipeline."""
        every = self.checkpoint_every_steps
        ends = [
            step
            for step in range(1, self.steps + 1)
            if self.evaluates_at(step) or (every and step % every == 0)
        ]
        return [range(start, stop) for start, stop in zip([0, *ends], ends, strict=False)]


def sequential(**changes: Any) -> Course:
    return Course(**changes)


def sliced(micro_batches: int) -> Course:
    return Course("microbatch", micro_batches=micro_batches)


def stale(depth: int, **changes: Any) -> Course:
    return Course("stale", depth=depth, **changes)


def content(habit: Habit, course: Course, runtime: Runtime, *, twin: bool = False) -> Content:
    """The spec of a run: two parties of which the second, or else the top, has the habit."""
    own: Content = {"class": habit.module, "kwargs": dict(habit.kwargs)}
    if twin:
        own["kwargs"]["twin"] = True
    drops = {"dropout": 0.3} if course.neighbour_drops else {}
    alice: Content = {"bottom": {"type": "mlp", "hidden": [16], "out": 8} | drops}
    bob: Content = {"bottom": {"type": "mlp", "hidden": [16], "out": 4}}
    top: Content = {
        "party": "alice",
        "model": {"type": "mlp", "hidden": [8], "out": 1},
        "loss": "binary_cross_entropy",
    }
    optimizer = {"type": habit.optimizer, "lr": LEARNING_RATES[habit.optimizer]}
    if habit.role == "top":
        top |= {"model": own, "optimizer": optimizer}
    else:
        bob = {"bottom": own | {"inputs": habit.inputs}, "optimizer": optimizer}
    return {
        "name": "habit",
        "seed": SEED,
        "dataset": dataset(habit),
        "parties": {"alice": alice, "bob": bob},
        "top": top,
        "training": {
            "epochs": course.epochs,
            "optimizer": {"type": "adam", "lr": LEARNING_RATES["adam"]},
            "evaluate_every_epochs": course.evaluate_every_epochs,
        },
        "pipeline": _pipeline(course),
        "runtime": {"type": runtime},
    } | _checkpoint(course)


def dataset(habit: Habit) -> Content:
    """800 rows to train on and 200 to evaluate; with categories for those that take codes."""
    categories = {"categorical": 4, "cardinality": 8} if habit.inputs == "codes" else {}
    return {"type": "synthetic", "rows": 1000, "numeric": 8, "batch_size": BATCH_SIZE} | categories


def _pipeline(course: Course) -> Content:
    if course.schedule == "microbatch":
        return {"schedule": "microbatch", "micro_batches": course.micro_batches}
    if course.schedule == "stale":
        return {"schedule": "stale", "depth": course.depth}
    return {"schedule": "sequential"}


def _checkpoint(course: Course) -> Content:
    every = course.checkpoint_every_steps
    return {"checkpoint": {"every_steps": every}} if every else {}
