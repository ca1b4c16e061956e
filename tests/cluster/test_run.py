"""What is asked of actors before a run begins: versions, clocks and cores."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from splitrun.cluster import run
from splitrun.cluster.actor import About, machine, versions
from splitrun.cluster.connection import Node
from splitrun.errors import NoCluster
from splitrun.session.job import job_of
from tests.runtime.running import prepared, synthetic


class Asked:
    """An actor's process whose calls are answered at once, and take so many seconds by a clock."""

    node = Node("10.0.0.2", 1)

    def __init__(self, ticks: list[float]) -> None:
        self.time, self._ticks = 100.0, ticks

    def answer(self, given: Any) -> Any:
        self.time += self._ticks.pop(0)
        return given

    def now(self) -> float:
        return self.time


def asked(about: About, time: float = 0.0) -> Any:
    """An actor that gives these."""
    return SimpleNamespace(
        about=SimpleNamespace(remote=lambda: about), clock=SimpleNamespace(remote=lambda: time)
    )


def test_another_machines_clock_is_read_by_its_fastest_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    process = Asked([3.0, 0.5, *[2.0] * 6])
    monkeypatch.setattr(run, "now", process.now)
    elsewhere = About("another", (0,), versions())
    process_any: Any = process
    assert run._ahead_s(process_any, asked(elsewhere, 40.0), elsewhere) == 103.25 - 40.0


def test_the_clock_of_this_machine_is_the_runs() -> None:
    here = About(machine(), (0,), versions())
    nobody: Any = None
    assert run._ahead_s(nobody, asked(here), here) == 0.0


def test_other_versions_are_refused_by_node_and_package() -> None:
    process: Any = Asked([0.0])
    about = About("another", (0,), versions() | {"torch": "1.0"})
    with pytest.raises(NoCluster, match=r"bob: node 10\.0\.0\.2 has torch 1\.0 there and .* here"):
        run._introduced("bob", process, asked(about))


def test_actors_of_one_machine_share_its_cores_and_those_of_another_have_their_own() -> None:
    experiment = prepared(synthetic(parties=3))
    job = job_of(experiment.parties, experiment.plan)
    here, there = About("here", (4, 5), {}), About("there", (0, 7), {})
    cores = run._cores(job, {"p0": here, "p1": there, "p2": here})
    assert {cores["p0"], cores["p2"]} == {4, 5}
    assert cores["p1"] in (0, 7)
    assert run._cores(replace(job, intra_op_threads=2), {"p0": here, "p1": here, "p2": here}) == {}
