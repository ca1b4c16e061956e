"""Roles go where they get more done, all cores or one of them, and no weight changes."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Literal

import pytest

from splitrun.plan import Op
from splitrun.runtime import AffinityTuner
from splitrun.runtime.affinity import ENOUGH, FEWEST, LONG_S, Place, Window, fastest
from tests.runtime.running import Content, prepared, synthetic, trained

DEEP: Content = {"schedule": "stale", "depth": 4}
ROLES = {"p0.bottom", "p1.bottom", "p0.top"}
EVERYWHERE, TOGETHER = (2, 3, 5), (3,)

Span = tuple[str, float, float]
"""Of work: a role, from when to when, in seconds."""


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Sequence[int]]]:
    """Where threads go, on a machine of three cores."""
    moves: dict[str, list[Sequence[int]]] = defaultdict(list)

    def move(_: int, cores: Sequence[int]) -> None:
        moves[threading.current_thread().name].append(cores)

    monkeypatch.setattr(os, "getpid", lambda: 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", move, raising=False)
    return moves


def tuner(choice: Place, stay_s: float = 5.0, stay: float = 25) -> AffinityTuner:
    """One whose trials come to this choice, of one window of ten instructions in each place."""
    return AffinityTuner(
        EVERYWHERE, enough=10, rounds=1, stay_s=stay_s, stay=stay, choose=lambda _: choice
    )


def window(*spans: Span) -> Window:
    """From the first span's start to the end of the last to end."""
    watched = Window(min(start for _, start, _ in spans))
    edges = [(end, 0, role, start) for role, start, end in spans]
    edges += [(start, 1, role, start) for role, start, _ in spans]
    for time, begins, role, start in sorted(edges):
        if begins:
            watched.begins(role, time)
        else:
            watched.ends(role, Op.FORWARD, start, time)
    return watched


def one_after_the_other(number: int, lasts: float, gap: float = 0.0) -> Window:
    return window(*(("a", n * (lasts + gap), n * (lasts + gap) + lasts) for n in range(number)))


def both_at_once(number: int, lasts: float) -> Window:
    return window(*((role, n * lasts, (n + 1) * lasts) for n in range(number) for role in "ab"))


COST = {("a", Op.FORWARD): 1.0, ("b", Op.FORWARD): 1.0}


@pytest.mark.parametrize(
    ("watched", "busy_s"),
    [
        (one_after_the_other(10, 0.01), 0.1),
        (one_after_the_other(10, 0.02), 0.2),
        (both_at_once(5, 0.02), 0.1),
        (one_after_the_other(10, 0.01, gap=0.1), 0.1),  # nobody has anything to do: links'
        (one_after_the_other(10, 0.01, gap=0.0002), 0.1018),  # somebody is being woken
        (window(("a", 0, 0.06), ("b", 0.05, 0.1)), 0.1),
        (window(("a", 0, 0.2), ("b", 0.01, 0.02), ("b", 0.15, 0.16)), 0.2),
    ],
)
def test_speed_is_work_over_the_time_in_which_any_was_done(watched: Window, busy_s: float) -> None:
    assert watched.speed(COST) == pytest.approx(watched.done.total() / busy_s)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ({(0, 1): [both_at_once(5, 0.01)], (0,): [one_after_the_other(10, 0.007)]}, (0, 1)),
        ({(0, 1): [both_at_once(5, 0.02)], (0,): [one_after_the_other(10, 0.007)]}, (0,)),
        (
            {
                (0, 1): [one_after_the_other(10, 0.01)] * 3,
                (0,): [one_after_the_other(10, lasts) for lasts in (0.009, 1.0, 0.009)],
            },
            (0,),
        ),
    ],
)
def test_roles_belong_where_they_are_faster_in_the_median(
    windows: Mapping[tuple[int, ...], Sequence[Window]], expected: tuple[int, ...]
) -> None:
    assert fastest(windows) == expected


def test_windows_of_much_and_of_little_work_are_weighed_alike() -> None:
    """Bottoms' work is short here and the top's is long; one window has more of that."""

    def mixed(short: int, long: int, slowness: float) -> Window:
        each = [("bottom", 0.01)] * short + [("top", 0.1)] * long
        ends = [slowness * sum(lasts for _, lasts in each[: n + 1]) for n in range(len(each))]
        return window(*zip((role for role, _ in each), [0.0, *ends], ends, strict=False))

    windows = {(0, 1): [mixed(18, 2, 1.0), mixed(2, 18, 1.0)], (0,): [mixed(19, 1, 1.2)] * 2}
    assert fastest(windows) == (0, 1)


@pytest.mark.parametrize("number", [ENOUGH, FEWEST])
def test_a_window_is_over_after_enough_or_after_long(number: int) -> None:
    long = number == FEWEST
    watched = one_after_the_other(number, 1.01 * LONG_S / number if long else 1e-5)
    assert watched.is_over(1.0)
    assert not one_after_the_other(number - 1, 1e-5).is_over(1.0)
    assert one_after_the_other(number // 4, 1.01 * LONG_S / number).is_over(0.25)


def test_roles_share_a_core_where_that_is_better_and_learn_the_same(
    moved: dict[str, list[Sequence[int]]],
) -> None:
    def weights(choice: Place) -> str:
        experiment = prepared(synthetic(pipeline=DEEP))
        return trained(experiment, "threaded", affinity_tuner=tuner(choice)).weights_sha256

    together = weights(TOGETHER)
    assert moved == {role: [TOGETHER] for role in ROLES}
    moved.clear()
    apart = weights(EVERYWHERE)
    assert moved
    assert all(places == [TOGETHER, EVERYWHERE] for places in moved.values())
    assert together == apart == trained(prepared(synthetic(pipeline=DEEP)), "serial").weights_sha256


def test_a_run_on_several_cores_has_a_tuner_of_its_own(
    moved: dict[str, list[Sequence[int]]],
) -> None:
    trained(prepared(synthetic(rows=4000, pipeline=DEEP)), "threaded")
    assert moved.keys() == ROLES
    assert all(places[0] == TOGETHER for places in moved.values())


def test_after_a_while_both_are_tried_again(moved: dict[str, list[Sequence[int]]]) -> None:
    experiment = prepared(synthetic(rows=2000, pipeline=DEEP))
    trained(experiment, "threaded", affinity_tuner=tuner(TOGETHER, stay_s=0.0, stay=0))
    for places in moved.values():
        assert len(places) > 2
        assert set(places) == {EVERYWHERE, TOGETHER}


def test_what_a_trial_came_to_serves_the_next_run(moved: dict[str, list[Sequence[int]]]) -> None:
    choices = iter([TOGETHER, EVERYWHERE])
    known = AffinityTuner(EVERYWHERE, enough=10, rounds=1, choose=lambda _: next(choices))
    assert not known.is_undecided
    trained(prepared(synthetic(pipeline=DEEP)), "threaded", affinity_tuner=known)
    assert known.has_chosen
    moved.clear()
    trained(prepared(synthetic(pipeline=DEEP)), "threaded", affinity_tuner=known)
    assert moved == {role: [TOGETHER] for role in ROLES}


def test_whoever_asked_before_the_choice_and_begins_after_it_starts_no_trial() -> None:
    known = tuner(TOGETHER)
    while not known.has_chosen:
        known.ends("a", Op.FORWARD, known.begins("a"))
    known.ends("b", Op.FORWARD, known.begins("b"))
    assert not known.is_undecided
    assert known.place == TOGETHER


def test_where_the_system_forbids_it_they_stay_and_go_on(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(_: int, cores: Sequence[int]) -> None:
        moved[threading.current_thread().name].append(cores)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid, raising=False)
    experiment = prepared(synthetic(pipeline=DEEP))
    trained(experiment, "threaded", affinity_tuner=tuner(TOGETHER))
    assert moved == {role: [TOGETHER] for role in ROLES}


def test_one_core_is_no_choice(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    experiment = prepared(synthetic(pipeline=DEEP))
    trained(experiment, "threaded", affinity_tuner=tuner(TOGETHER))
    assert not moved


@pytest.mark.parametrize("kind", ["serial", "threaded"])
def test_neither_one_thread_nor_pytorchs_helpers_are_moved(
    kind: Literal["serial", "threaded"], moved: dict[str, list[Sequence[int]]]
) -> None:
    threads = 1 if kind == "serial" else 2
    trained(prepared(synthetic(pipeline=DEEP)), kind, intra_op_threads=threads)
    assert not moved
