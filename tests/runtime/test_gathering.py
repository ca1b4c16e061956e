"""Roles that get in each other's way come together on one core, and no weight changes."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

import pytest

from splitrun.runtime import gathering
from splitrun.runtime.gathering import Sample, crowded
from tests.runtime.running import Content, prepared, synthetic, trained

DEEP: Content = {"schedule": "stale", "depth": 4}
ROLES = {"p0.bottom", "p1.bottom", "p0.top"}


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Sequence[int]]]:
    """Where threads go, on a machine of three cores, where ten instructions are enough."""
    moves: dict[str, list[Sequence[int]]] = defaultdict(list)

    def move(_: int, cores: Sequence[int]) -> None:
        moves[threading.current_thread().name].append(cores)

    monkeypatch.setattr(os, "getpid", lambda: 7)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {2, 3, 5}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", move, raising=False)
    monkeypatch.setattr(gathering, "_ENOUGH", 10)
    return moves


@pytest.mark.parametrize(
    ("worked_s", "at_work", "cores", "expected"),
    [
        (1.0, 1, 2, False),  # alone
        (1.0, 2, 2, False),  # two that keep two cores busy
        (0.5, 2, 2, True),  # two that wait for each other half of the time
        (0.5, 4, 2, False),  # four keep two cores busy
        (0.3, 4, 2, True),
        (0.5, 8, 8, False),  # eight keep four busy: more than one could
        (0.15, 8, 8, True),
        (0.6, 1.5, 2, True),  # where they overlap half of the time
        (0.95, 1.3, 2, False),
    ],
)
def test_roles_are_crowded_that_together_keep_hardly_a_core_busy(
    worked_s: float, at_work: float, cores: int, *, expected: bool
) -> None:
    assert crowded([Sample(1.0, worked_s, at_work)] * 3, cores) is expected


def test_crowded_roles_share_a_core_and_learn_the_same(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = prepared(synthetic(pipeline=DEEP))
    monkeypatch.setattr(gathering, "crowded", lambda *_: False)
    apart = trained(experiment, "threaded").weights_sha256
    assert not moved
    monkeypatch.setattr(gathering, "crowded", lambda *_: True)
    together = trained(prepared(synthetic(pipeline=DEEP)), "threaded").weights_sha256
    assert moved == {role: [(3,)] for role in ROLES}
    assert together == apart == trained(prepared(synthetic(pipeline=DEEP)), "serial").weights_sha256


def test_after_a_while_they_are_seen_apart_again_and_gather_elsewhere(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gathering, "_TOGETHER_S", 0.0)
    monkeypatch.setattr(gathering, "crowded", lambda *_: True)
    trained(prepared(synthetic(rows=2000, pipeline=DEEP)), "threaded")
    for places in moved.values():
        assert places[0] == (3,)
        assert {(2, 3, 5), (5,), (2,)} <= set(places)


def test_where_the_system_forbids_it_they_stay_and_go_on(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbid(_: int, cores: Sequence[int]) -> None:
        moved[threading.current_thread().name].append(cores)
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid, raising=False)
    monkeypatch.setattr(gathering, "crowded", lambda *_: True)
    trained(prepared(synthetic(pipeline=DEEP)), "threaded")
    assert moved == {role: [(3,)] for role in ROLES}


def test_one_core_is_no_choice(
    moved: dict[str, list[Sequence[int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    monkeypatch.setattr(gathering, "crowded", lambda *_: True)
    trained(prepared(synthetic(pipeline=DEEP)), "threaded")
    assert not moved


@pytest.mark.parametrize("kind", ["serial", "threaded"])
def test_neither_one_thread_nor_pytorchs_helpers_are_moved(
    kind: Literal["serial", "threaded"],
    moved: dict[str, list[Sequence[int]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gathering, "crowded", lambda *_: True)
    threads = 1 if kind == "serial" else 2
    trained(prepared(synthetic(pipeline=DEEP)), kind, intra_op_threads=threads)
    assert not moved
