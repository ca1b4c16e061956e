"""Frames of a comparison and of a grid that are kept word for word. After a wanted change, write
them anew and read the diff:

python -m tests.cli.study_frames
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from itertools import islice
from pathlib import Path

from msgspec.structs import replace

from splitrun.cli.bench_progress import BenchProgress
from splitrun.cli.comparison_progress import ComparisonProgress
from splitrun.cli.console import Console
from splitrun.cli.screens import StudyScreen
from splitrun.events import Event, RunStarted
from splitrun.plan import Plan
from splitrun.study.arms import Arm
from splitrun.study.bench.grid import combined, parse_axis
from splitrun.study.bench.result import CellResult, Results
from splitrun.study.scoring import Scores
from splitrun.study.timing import TimedArm, Trial
from splitrun.study.training import Recorder, Subject
from splitrun.study.watcher import Course
from tests.dashboard.simulated import happened, planned
from tests.runtime.running import prepared, synthetic
from tests.study.benches import HEADER, measured

GOLDENS = Path(__file__).parent / "goldens"
SIZES = ((80, 24), (120, 40), (200, 50), (40, 12))
_EVENTS = 6_000


class Clock:
    """Three seconds pass at every look."""

    def __init__(self) -> None:
        self._now = 0.0

    def __call__(self) -> float:
        self._now += 3
        return self._now


@cache
def _run() -> tuple[Plan, tuple[Event, ...]]:
    plan = planned("stale", 4, steps=400)
    first, *others = islice(happened(plan), _EVENTS)
    assert isinstance(first, RunStarted)
    return plan, (replace(first, run_dir="stale:4"), *others)


@cache
def _course() -> Course:
    subject = Subject(prepared(synthetic()).parties)
    arms = [Arm("sequential"), Arm("microbatch", 1, 4), *(Arm("stale", it) for it in (2, 4, 8))]
    timed = [TimedArm(arm, "threaded", subject, _run()[0]) for arm in arms]
    serial = TimedArm(arms[0], "serial", subject, _run()[0])
    return Course([serial, *timed], "auroc", seeds=3, budget_s=60.0)


def _see(recorder: Recorder | None) -> None:
    assert recorder is not None
    for sink in recorder.sinks:
        for event in _run()[1]:
            sink(event)


def _training(screen: StudyScreen) -> ComparisonProgress:
    progress, course = ComparisonProgress(screen, Clock()), _course()
    progress.begin(course)
    scores = {arm: Scores() for arm in course.arms}
    for seed in (1, 2):
        for place, arm in enumerate(course.arms):
            recorder = progress.training(arm, _run()[0], seed)
            if (seed, place) == (2, 3):
                _see(recorder)
                return progress
            scores[arm].values.append(0.91 - 0.001 * place + 0.002 * seed)
            progress.scored(arm, scores[arm])
    return progress


def _timing(screen: StudyScreen) -> None:
    progress, course = _training(screen), _course()
    rates = (980.0, 1000.0, 1300.0, 1900.0, 3500.0, 5200.0)
    trials = {
        each: [Trial(rate * share, 1e5 / rate, 150.0) for share in (0.98, 1.0, 1.01)]
        for each, rate in zip(course.timed_arms, rates, strict=True)
    }
    progress.round(trials, elapsed_s=21.0, budget_s=60.0)
    progress.timing(course.timed_arms[4], 3, 22.5)


def _bench(screen: StudyScreen) -> None:
    values = {"pipeline.depth": ["1", "2", "4", "8"], "dataset.batch_size": ["64", "128", "256"]}
    axes = combined([], [parse_axis(f"{key}={','.join(each)}") for key, each in values.items()])
    cells = [
        {"pipeline.depth": depth, "dataset.batch_size": size}
        for depth in values["pipeline.depth"]
        for size in values["dataset.batch_size"]
    ]
    progress = BenchProgress(screen, cells, 10.0, Clock())
    progress.begin(Results(HEADER, axes, {}, ()))
    done: tuple[CellResult, ...] = ()
    for place in range(5):
        rate = 1000.0 * (1 + place // 3) * (1 + place % 3)
        progress.cell(place + 1)
        done = (*done, CellResult(cells[place], measured([rate, 1.01 * rate, 0.99 * rate])))
        progress.done(Results(HEADER, axes, {}, done))
    progress.cell(6)
    _see(progress.warming_up(_run()[0]))
    progress.timing(measured([5800.0, 6000.0]).trials)


CASES: Mapping[str, Callable[[StudyScreen], object]] = {
    "compare-training": _training,
    "compare-timing": _timing,
    "bench": _bench,
}
NAMES = [f"{name}-{width}x{height}" for name in CASES for width, height in SIZES]


@cache
def _screen(name: str) -> StudyScreen:
    screen = StudyScreen(Console(quiet=True, width=80, height=24))
    CASES[name](screen)
    return screen


def drawn(name: str) -> str:
    """What is shown, without its colours."""
    case, _, size = name.rpartition("-")
    width, height = map(int, size.split("x"))
    screen = _screen(case)
    lines = screen.view.lines(width, height - 1)
    return "".join("".join(segment.text for segment in line).rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    for each in NAMES:
        (GOLDENS / f"{each}.txt").write_text(drawn(each), encoding="utf-8")
