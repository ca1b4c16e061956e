"""A habit of a user's module changes no weight without a word: every one of the catalogue.

Here each is trained in two ways; `python -m tests.habits` trains each in every way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.habits import reference
from tests.habits.catalogue import HABITS
from tests.habits.course import Course, Runtime, sequential, sliced, stale
from tests.habits.habit import Habit
from tests.habits.matrix import expected_of
from tests.habits.running import Bench, is_right

PLAIN = Habit("founding:TwoLayers", "splitrun: found in review")


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with Bench.opened() as bench:
        yield bench


@pytest.mark.parametrize("course", [sequential(), sliced(3), stale(8)], ids=str)
@pytest.mark.parametrize("runtime", ["serial", "threaded"])
def test_a_module_without_habits_is_equal(course: Course, runtime: Runtime, bench: Bench) -> None:
    expected, tolerance = expected_of(PLAIN, course)
    assert bench.trained(PLAIN, course, runtime).observed(expected, tolerance) == "equal"


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_one_batch_at_a_time_a_habit_ends_with_plain_pytorchs_bits_or_as_it_should(
    habit: Habit, bench: Bench
) -> None:
    course = sequential(epochs=1)
    ended = bench.trained(habit, course, "serial")
    observed = ended.observed(lambda: reference.weights(habit, course))
    assert is_right(habit.sequential, observed, habit), observed


@pytest.mark.parametrize("habit", HABITS, ids=str)
def test_at_depth_a_habit_ends_with_the_bits_of_delayed_gradients_or_as_it_should(
    habit: Habit, bench: Bench
) -> None:
    course = stale(4, epochs=2)
    ended = bench.trained(habit, course, "threaded")
    observed = ended.observed(lambda: reference.weights(habit, course))
    assert is_right(habit.stale, observed, habit), observed


@pytest.mark.parametrize(
    "habit",
    [it for it in HABITS if it.stale == "equal" and it.microbatch.startswith("refused")],
    ids=str,
)
def test_a_habit_that_slices_would_change_is_refused_under_micro_batches(
    habit: Habit, bench: Bench
) -> None:
    course = replace(sliced(3), epochs=1)
    ended = bench.trained(habit, course, "serial")
    expected, tolerance = expected_of(habit, course)
    observed = ended.observed(expected, tolerance)
    assert is_right(habit.microbatch, observed, habit), observed


@pytest.mark.parametrize("habit", [it for it in HABITS if it.draws], ids=str)
def test_the_law_holds_for_habits_that_draw(habit: Habit, bench: Bench) -> None:
    course = stale(8, epochs=1)
    serial = bench.trained(habit, course, "serial")
    threaded = bench.trained(habit, course, "threaded")
    assert serial.exit_code == threaded.exit_code, threaded.message
    assert serial.weights_sha256 == threaded.weights_sha256
