"""Runs as their events: what the dashboard's sinks are given, without a run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from splitrun.events import Evaluated, Event, RunEnded, RunStarted, StepDone

CLOCK = 100.0
"""When every run here starts."""
ROWS = 100
"""Of every batch."""


def started(steps: int, *, steps_per_epoch: int | None = None, depth: int = 1) -> RunStarted:
    return RunStarted(
        run_dir="runs/trial",
        schedule="stale" if depth > 1 else "sequential",
        depth=depth,
        steps=steps,
        steps_per_epoch=steps_per_epoch or steps,
        samples=steps * ROWS,
        roles=("alice.bottom", "bob.bottom", "alice.top"),
        channels=(),
        clock=CLOCK,
    )


def step(index: int, end: float, *, loss: float = 0.5) -> StepDone:
    """Step `index`, done `end` seconds after the start."""
    return StepDone(step=index, epoch=0, rows=ROWS, loss=loss, end=CLOCK + end)


def evaluated(epoch: int, end: float, **metrics: float | None) -> Evaluated:
    at = CLOCK + end
    return Evaluated(step=0, epoch=epoch, rows=ROWS, metrics=metrics, start=at, end=at)


def slow_run(status: str, *, steps_done: int = 6) -> Iterator[Event]:
    """Six steps of two seconds in two epochs, an evaluation after each, and an end."""
    yield started(6, steps_per_epoch=3)
    for index in range(steps_done):
        yield step(index, 2.0 * (index + 1))
        if index % 3 == 2:
            end = 2.0 * (index + 1)
            yield evaluated(index // 3 + 1, end, loss=0.25, auroc=0.9, f1=None)
    match status:
        case "done":
            yield RunEnded("done", "", CLOCK + 12)
        case "failed":
            yield RunEnded("failed", "alice.top failed at LOSS 5: …", CLOCK + 12)
        case _:
            yield RunEnded("interrupted", "interrupted after 5 of 6 steps", CLOCK + 12)


def bursts(rounds: int, depth: int, *, round_s: float) -> Sequence[StepDone]:
    """A pipeline's steps: `depth` of them a millisecond apart, then a wait for the next round."""
    ends = (
        round_s * (1 + number) + 0.001 * place for number in range(rounds) for place in range(depth)
    )
    return [step(index, end) for index, end in enumerate(ends)]
