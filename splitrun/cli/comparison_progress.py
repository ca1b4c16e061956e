"""How a comparison is getting on: the table of its arms, which fills."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from time import monotonic

from splitrun import units
from splitrun.cli.screens import Screen
from splitrun.cli.study_view import StudyTable
from splitrun.events import Sink
from splitrun.plan import Plan
from splitrun.study.arms import Arm
from splitrun.study.scoring import Scores
from splitrun.study.statistics import estimate_mean, estimate_median, estimate_speedup
from splitrun.study.timing import TimedArm, Trial, baseline_of, rates
from splitrun.study.training import Recorder
from splitrun.study.watcher import Course, Watcher
from splitrun.units import SCREEN

_RECORDING_S = 2.0
"""Of an arm, about: a trial, and what is written of it."""
_LONGEST_TRIAL_S = 1.0
"""About, with the building of its models."""


class ComparisonProgress(Watcher):
    """Shows how a comparison is getting on.

    Args:
        clock: seconds.
    """

    def __init__(self, screen: Screen, clock: Callable[[], float] = monotonic) -> None:
        self._screen = screen
        self._clock = clock
        self._course: Course | None = None
        self._began = clock()
        self._done = 0
        """Trainings."""
        self._scores: dict[Arm, Scores] = {}
        self._left_out: set[Arm] = set()
        self._trials: Mapping[TimedArm, Sequence[Trial]] = {}
        self._now: TimedArm | None = None

    def begin(self, course: Course) -> None:
        """Show all arms, empty."""
        self._course, self._began = course, self._clock()
        self._show_table()

    def tell(self, line: str) -> None:
        """Show the line."""
        self._screen.line(line)

    def training(self, arm: Arm, plan: Plan, seed: int) -> Recorder | None:
        """Show which training it is of how many, and the training itself."""
        course = self._course
        if course is None:
            return None
        self._mark(next(it for it in reversed(course.timed_arms) if it.arm == arm))
        text = f"1 of 3: {course.metric}, seed {seed} of {course.seeds}, {arm}"
        if course.at_once > 1:
            text = f"{text}, {course.at_once} at once"
        self._screen.phase(text, self._to_go_of_trainings(course))
        if course.at_once > 1:
            return None
        return Recorder.showing(str(arm), self._screen.watching(plan))

    def scored(self, arm: Arm, scores: Scores) -> None:
        """Show the new score."""
        self._done += 1
        self._scores[arm] = scores
        self._show_table()

    def left_out(self, arm: Arm, why: str) -> None:
        """Show that it is, and why."""
        self._left_out.add(arm)
        self._screen.line(f"left out {arm}: {why}")

    def warming_up(self) -> None:
        """Show that timing begins."""
        if self._course is not None:
            self._mark(None)
            to_go = self._to_go_of_rounds(self._course, 0, 0.0)
            self._screen.phase("2 of 3: timing, warming up …", to_go)

    def timing(self, timed_arm: TimedArm, done: int, elapsed_s: float) -> None:
        """Show what is timed; nothing more until the trial is over."""
        if self._course is not None:
            self._mark(timed_arm)
            left = self._to_go_of_rounds(self._course, done, elapsed_s)
            arm = timed_arm.arm
            text = f"2 of 3: timing, round {done + 1}, {arm} (not drawn)"
            self._screen.status(text, left)

    def round(
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Show the arms' medians, and how many rounds there were in how many seconds."""
        self._trials = {each: tuple(of_arm) for each, of_arm in trials.items()}
        rounds = min(len(each) for each in trials.values())
        left = "" if budget_s is None else f" of about {budget_s:.0f}"
        self._show_table()
        self._screen.phase(f"2 of 3: timing, round {rounds} done, {elapsed_s:.0f}{left} s")

    def recording(self, timed_arm: TimedArm, number: int, count: int) -> Sequence[Sink]:
        """Show the trial."""
        self._mark(timed_arm)
        to_go = f"about {units.clock((count - number + 1) * _RECORDING_S)} to go"
        self._screen.phase(f"3 of 3: recording a trial of {timed_arm.arm}", to_go)
        return self._screen.watching(timed_arm.plan)

    def _mark(self, timed_arm: TimedArm | None) -> None:
        self._now = timed_arm
        self._show_table()

    def _to_go_of_trainings(self, course: Course) -> str:
        arms = [arm for arm in course.arms if arm not in self._left_out]
        timing_s = course.budget_s
        if course.repeats is not None:
            timing_s = course.repeats * (len(arms) + 1) * _LONGEST_TRIAL_S
        done = {arm: len(scores.values) for arm, scores in self._scores.items()}
        left = sum(course.seeds - done.get(arm, 0) for arm in arms)
        if not self._done:
            return f"{SCREEN.plural(left, 'training')}, then some {timing_s:.0f} s of timing"
        training_s = (self._clock() - self._began) / self._done
        rest_s = left * training_s + timing_s + len(arms) * _RECORDING_S
        return f"{SCREEN.plural(left, 'training')} left, about {units.clock(rest_s)} to go"

    def _to_go_of_rounds(self, course: Course, done: int, elapsed_s: float) -> str:
        after_s = (len(course.arms) - len(self._left_out)) * _RECORDING_S
        if course.repeats is None:
            left_s = max(0.0, course.budget_s - elapsed_s)
            return f"at most {units.clock(left_s + after_s)} to go"
        if not done:
            return f"{SCREEN.plural(course.repeats, 'round')} in all"
        left_s = elapsed_s / done * (course.repeats - done)
        return f"about {units.clock(left_s + after_s)} to go"

    def _show_table(self) -> None:
        course = self._course
        if course is not None:
            counted = f"of {SCREEN.plural(course.seeds, 'seed')}"
            heads = ("arm", course.metric, counted, "samples/s", "speedup so far")
            rows = [self._row(each) for each in course.timed_arms]
            at = -1 if self._now is None else list(course.timed_arms).index(self._now)
            self._screen.table(StudyTable(heads, rows, at=at))

    def _row(self, timed_arm: TimedArm) -> tuple[str, ...]:
        """What is known of an arm: its metric, over how many seeds, throughput and speedup."""
        arm, scores = timed_arm.arm, self._scores.get(timed_arm.arm)
        name = f"{arm} (serial)" if timed_arm.runtime == "serial" else str(arm)
        metric = seeds = rate = speedup = ""
        if arm in self._left_out:
            metric = "left out"
        elif scores is not None and scores.values:
            estimate = estimate_mean(scores.values)
            within = units.half_width(estimate.interval.ci95, ".4f")
            metric = f"{SCREEN.value(estimate.mean)} {within}".strip()
            seeds = f"{len(scores.values)}"
        if trials := self._trials.get(timed_arm):
            mine, baseline = rates(trials), rates(self._trials[baseline_of(self._trials)])
            rate = SCREEN.whole(estimate_median(mine).median)
            gained = estimate_speedup(baseline, mine)
            speedup = f"{gained.median:.2f} {units.within(gained.interval.ci95, '.2f')}".strip()
        return name, metric, seeds, rate, speedup
