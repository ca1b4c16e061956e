"""Emulated hardware: what roles do while they wait for it, and where their threads wait."""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field

import pytest

from splitrun.data import Batch, Feed
from splitrun.events import Event, Executed, Phase
from splitrun.runtime.affinity import TRUSTED_S, CpuPin
from splitrun.runtime.clock import now
from splitrun.session import Experiment
from tests.runtime.running import Content, prepared, synthetic, trained

SCHEDULES: dict[str, Content] = {
    "sequential": {"schedule": "sequential"},
    "microbatch": {"schedule": "microbatch", "micro_batches": 3},
    "stale": {"schedule": "stale", "depth": 3},
}
BY_SCHEDULE = pytest.mark.parametrize("pipeline", SCHEDULES.values(), ids=SCHEDULES.keys())


def on_slow_hardware(content: Content) -> Content:
    """Every role takes some milliseconds for what takes it tenths of one here."""
    for party in content["parties"].values():
        party["compute"] = {"forward_ms": 3, "backward_ms": 3, "update_ms": 2}
    content["top"]["compute"] = {"loss_ms": 4, "update_ms": 2}
    return content


@BY_SCHEDULE
def test_emulated_hardware_changes_no_bit(pipeline: Content) -> None:
    made = synthetic(pipeline=pipeline, training={"evaluate_every_epochs": 1})
    made["checkpoint"] = {"every_steps": 7}
    here = trained(prepared(made), "serial")
    there = on_slow_hardware(made)
    for kind in ("serial", "threaded"):
        assert trained(prepared(there), kind).weights_sha256 == here.weights_sha256


@dataclass(frozen=True)
class Noting(Feed):
    """Tells what is loaded to train on, in the order of what its role does, and when."""

    log: list[tuple[str, int]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)

    def load(self, phase: Phase, step: int) -> Batch:
        if phase == "train":
            self.log.append(("loaded", step))
            self.times.append(now())
        return super().load(phase, step)


def noting_feeds(experiment: Experiment) -> dict[str, Noting]:
    given = experiment.parties.feeds(experiment.plan)
    return {role: Noting(feed.tensors, feed.orders) for role, feed in given.items()}


@BY_SCHEDULE
def test_batches_are_loaded_while_hardware_is_waited_for_and_no_more_than_by_the_program(
    pipeline: Content,
) -> None:
    experiment = prepared(on_slow_hardware(synthetic(pipeline=pipeline)))
    noting = noting_feeds(experiment)

    def note(event: Event) -> None:
        if isinstance(event, Executed) and event.phase == "train":
            noting[event.role].log.append((event.op, event.step))

    trained(experiment, "threaded", note, noting)
    for role in experiment.plan.roles:
        log = noting[role.name].log
        loaded = [step for what, step in log if what == "loaded"]
        assert loaded == list(range(experiment.plan.steps))
        during = {log[place + 1][0] for place, (what, _) in enumerate(log) if what == "loaded"}
        assert during - {"LOAD"} <= {"FORWARD", "BACKWARD", "UPDATE", "LOSS"}
        assert during - {"LOAD"}
        held = 0
        for place, (what, _) in enumerate(log):
            # An UPDATE is told of after the wait at its end, in which its batch is gone already.
            updated = place + 1 < len(log) and log[place + 1][0] == "UPDATE"
            if what == "loaded":
                assert held - updated < role.depth + 1
            held += (what == "loaded") - (what == "UPDATE")


@BY_SCHEDULE
def test_nobody_loads_ahead_at_the_beginning_of_a_wait_when_others_go_to_work(
    pipeline: Content,
) -> None:
    experiment = prepared(on_slow_hardware(synthetic(pipeline=pipeline)))
    noting = noting_feeds(experiment)
    run = trained(experiment, "threaded", tampered=noting)
    nominal_s = {"FORWARD": 3e-3, "BACKWARD": 3e-3, "UPDATE": 2e-3, "LOSS": 4e-3}
    worked = [it for it in run.events if isinstance(it, Executed) and it.op in nominal_s]
    for role, feed in noting.items():
        ahead = [
            (at - it.start, nominal_s[it.op] / 4)
            for it in worked
            for at in feed.times
            if it.role == role and it.start <= at < it.end
        ]
        assert ahead
        assert all(after >= quarter - 1e-6 for after, quarter in ahead)


def test_threads_are_dealt_out_over_the_cores_where_all_hardware_is_emulated(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    taken: dict[str, list[Collection[int]]] = defaultdict(list)

    def keep(_: int, cores: Collection[int]) -> None:
        taken[threading.current_thread().name].append(cores)

    monkeypatch.setattr(os, "getpid", lambda: 200)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {4, 7}, raising=False)
    monkeypatch.setattr(os, "sched_setaffinity", keep, raising=False)
    trained(prepared(on_slow_hardware(synthetic())), "threaded")
    assert {name: cores[0] for name, cores in taken.items()} == {
        "p0.bottom": {4},
        "p1.bottom": {7},
        "p0.top": {4},
    }
    taken.clear()
    partly = on_slow_hardware(synthetic())
    del partly["parties"]["p1"]["compute"]
    trained(prepared(partly), "threaded")
    assert not any(cores[0] == {4} or cores[0] == {7} for cores in taken.values())


def test_who_works_much_goes_where_the_system_wants_it(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Collection[int]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, it: kept.append(it), raising=False)
    place = CpuPin(1, (0, 1))
    place.take()
    for _ in range(100):
        place.note(0.2e-3, 1e-3)
    assert kept == [{1}]
    for _ in range(100):
        place.note(0.5e-3, 1e-3)
    assert kept == [{1}, (0, 1)]


def test_a_system_that_forbids_it_is_no_reason_to_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbid(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "sched_setaffinity", forbid, raising=False)
    trained(prepared(on_slow_hardware(synthetic())), "threaded")


def test_a_first_instruction_that_works_long_is_forgiven(monkeypatch: pytest.MonkeyPatch) -> None:
    kept: list[Collection[int]] = []
    monkeypatch.setattr(os, "sched_setaffinity", lambda _, it: kept.append(it), raising=False)
    place = CpuPin(0, (0, 1))
    place.take()
    place.note(0.2 * TRUSTED_S, 1e-3)
    assert kept == [{0}]
