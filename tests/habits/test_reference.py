"""What habits are held against: the reference, the verdict on a run, the catalogue itself."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from tests.habits import reference
from tests.habits.catalogue import HABITS
from tests.habits.course import sequential, sliced, stale
from tests.habits.habit import Habit
from tests.habits.loading import MODULES, beside, class_of, process_of_its_own
from tests.habits.running import TOLERANCE, difference, is_right

PLAIN = Habit("founding:TwoLayers", "splitrun: found in review")


def test_with_one_batch_in_flight_or_one_slice_the_references_agree_bit_for_bit() -> None:
    plain = reference.weights(PLAIN, sequential())
    assert difference(reference.weights(PLAIN, stale(1)), plain) == ""
    assert difference(reference.weights(PLAIN, sliced(1)), plain) == ""


def test_slices_are_equal_to_the_whole_and_delays_are_not() -> None:
    plain = reference.weights(PLAIN, sequential())
    assert difference(reference.weights(PLAIN, sliced(3)), plain, TOLERANCE) == ""
    assert difference(reference.weights(PLAIN, stale(2)), plain, TOLERANCE) != ""


def test_drains_are_part_of_what_a_delayed_run_comes_to() -> None:
    often = reference.weights(PLAIN, stale(4, epochs=1, checkpoint_every_steps=7))
    assert difference(often, reference.weights(PLAIN, stale(4, epochs=1))) != ""


def test_a_stash_is_its_copy_however_it_is_made() -> None:
    built = Habit(PLAIN.module, PLAIN.source, stash="build")
    course = stale(4, epochs=1)
    assert difference(reference.weights(built, course), reference.weights(PLAIN, course)) == ""


def test_a_difference_names_the_tensor_that_differs_most() -> None:
    weights = reference.weights(PLAIN, sequential(epochs=1))
    changed = {role: dict(tensors) for role, tensors in weights.items()}
    changed["bob.bottom"]["out.bias"] = 1.5 * weights["bob.bottom"]["out.bias"]
    changed["alice.top"]["0.bias"] = 1.1 * weights["alice.top"]["0.bias"]
    assert difference(changed, weights) == "differs by 5.0e-01 in bob.bottom out.bias"
    del changed["bob.bottom"]["out.bias"]
    assert "out.bias" in difference(changed, weights)


@pytest.mark.parametrize(
    ("outcome", "observed", "is_so"),
    [
        ("equal", "equal", True),
        ("equal", "differs by 1.0e+00 in bob.bottom out.bias", False),
        ("equal", "refused it cannot be pipelined", False),
        ("refused pipelined", "refused it cannot be pipelined", True),
        ("refused sparse", "refused it cannot be pipelined", False),
        ("refused pipelined", "equal", False),
        ("caught forward", "caught bob.bottom failed at BACKWARD 50: a forward in it", True),
        ("caught forward", "caught a forward in a backward", False),
        ("caught forward", "traceback RuntimeError: a forward in bob.bottom at 50", False),
    ],
)
def test_an_outcome_is_right_if_it_is_the_catalogues_and_says_why(
    outcome: str, observed: str, *, is_so: bool
) -> None:
    assert is_right(outcome, observed, PLAIN) is is_so


def test_every_habit_is_there_and_says_where_it_was_met() -> None:
    assert [name for name, times in Counter(map(str, HABITS)).items() if times > 1] == []
    with process_of_its_own(), beside(MODULES):
        for habit in HABITS:
            assert re.match(r"[\w.-]+/[\w.-]+[ #@:]|splitrun: found in rev", habit.source), habit
            assert callable(class_of(habit)), habit
