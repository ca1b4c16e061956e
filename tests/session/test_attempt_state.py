"""Which checkpoints are taken, and that only one of them lies in memory."""

from __future__ import annotations

from pathlib import Path

import torch

from splitrun.events import Executed, RunStarted
from splitrun.model import State
from splitrun.session.attempt_state import Collector
from splitrun.session.checkpoint import Store
from splitrun.session.run_statistics import RunStatistics

PARTIES = ("b", "t")
ROLES = ("b.bottom", "t.top")


def state() -> State:
    return {"module": {"weight": torch.ones(3)}}


def never() -> State:
    raise AssertionError("nothing is to be copied")


def one_line(collector: Collector, step: int) -> None:
    for role in ROLES:
        collector(Executed(role, "CHECKPOINT", "train", step, 0, 0.0, 0.0))


def newest(store: Store) -> int:
    found = store.newest().checkpoint
    assert found is not None
    return found.step


def test_no_checkpoint_is_taken_by_any_role_while_another_is_written(tmp_path: Path) -> None:
    store = Store(tmp_path / "checkpoints", PARTIES, keep=2)
    statistics = RunStatistics()
    statistics(RunStarted("", "stale", 2, 40, 40, 400, ROLES, (), 0.0))
    collector = Collector(len(ROLES), statistics, store, {})
    for role in ROLES:
        collector.collect(role, 10, state)
    collector.collect("b.bottom", 20, never)
    one_line(collector, 10)
    collector.write()
    assert newest(store) == 10
    collector.collect("t.top", 20, never)
    one_line(collector, 20)
    collector.write()
    assert newest(store) == 10
    for role in ROLES:
        collector.collect(role, 30, state)
    one_line(collector, 30)
    collector.write()
    assert newest(store) == 30
    assert collector.copied_bytes == {"b.bottom": 12, "t.top": 12}
