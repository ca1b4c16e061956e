"""A habit of a user's module changes no weight without a word: every one of the catalogue.

Here those that once went wrong are trained at depth, with evaluations, where most of it showed;
some that depth is not for, one batch at a time; some that slices would change, in slices.
`python -m tests.habits` trains every habit in every way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.habits.catalogue import HABITS
from tests.habits.course import Course, Runtime, sequential, sliced, stale
from tests.habits.habit import Habit
from tests.habits.matrix import expected_of
from tests.habits.running import Bench, Ended, is_right

PLAIN = Habit("founding:TwoLayers", "splitrun: found in review")
ONCE_WRONG = [habit for habit in HABITS if habit.fails_before]
NOT_AT_DEPTH = [habit for habit in ONCE_WRONG if habit.stale != "equal"][::2]
NOT_IN_SLICES = [
    it for it in ONCE_WRONG if it.stale == "equal" and it.microbatch.startswith("refused")
][::2]


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.opened() as bench:
        yield bench


def assert_right(outcome: str, ended: Ended, habit: Habit, course: Course) -> None:
    expected, tolerance = expected_of(habit, course)
    observed = ended.observed(expected, tolerance)
    assert is_right(outcome, observed, habit), observed


@pytest.mark.parametrize("course", [sequential(), sliced(3), stale(8)], ids=str)
@pytest.mark.parametrize("runtime", ["serial", "threaded"])
def test_a_module_without_habits_is_equal(course: Course, runtime: Runtime, bench: Bench) -> None:
    assert_right("equal", bench.trained(PLAIN, course, runtime), PLAIN, course)


@pytest.mark.parametrize(
    "habit",
    [
        pytest.param(habit, marks=[pytest.mark.long] if number % 3 else [])
        for number, habit in enumerate(ONCE_WRONG)
    ],
    ids=str,
)
def test_at_depth_a_habit_ends_with_the_bits_of_delayed_gradients_or_as_it_should(
    habit: Habit, bench: Bench
) -> None:
    course = stale(4, epochs=2)
    threaded = bench.trained(habit, course, "threaded")
    assert_right(habit.stale, threaded, habit, course)


@pytest.mark.parametrize("habit", [habit for habit in HABITS if habit.draws][::3], ids=str)
def test_the_law_holds_for_habits_that_draw_beside_others_that_do(
    habit: Habit, bench: Bench
) -> None:
    course = stale(8, epochs=1, neighbour_drops=True)
    serial = bench.trained(habit, course, "serial")
    threaded = bench.trained(habit, course, "threaded")
    assert serial.exit_code == threaded.exit_code, serial.message
    assert serial.weights_sha256 == threaded.weights_sha256


@pytest.mark.parametrize("habit", NOT_AT_DEPTH, ids=str)
def test_a_habit_that_depth_is_not_for_ends_with_plain_pytorchs_bits_or_as_it_should(
    habit: Habit, bench: Bench
) -> None:
    course = sequential(epochs=1)
    assert_right(habit.sequential, bench.trained(habit, course, "serial"), habit, course)


@pytest.mark.parametrize("habit", NOT_IN_SLICES, ids=str)
def test_a_habit_that_slices_would_change_is_refused_under_micro_batches(
    habit: Habit, bench: Bench
) -> None:
    course = replace(sliced(3), epochs=1)
    assert_right(habit.microbatch, bench.trained(habit, course, "serial"), habit, course)
