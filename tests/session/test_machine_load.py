"""Who had the cores meanwhile, by what the system counts."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from splitrun.session.environment import LoadMeter, MachineLoad


def test_others_are_all_that_worked_but_us_whatever_their_priority(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Ten seconds on two of three cores; we work for two of them."""
    clock, ours = iter([0.0, 10.0]), iter([5.0, 7.0])
    before = [_core(), _core(), _core()]
    after = [_core(user=3, nice=4, idle=3), _core(system=1, steal=2, iowait=7), _core(user=10)]
    times = iter([before, after])
    monkeypatch.setattr("splitrun.session.environment.usable_cores", lambda: [0, 1])
    monkeypatch.setattr("splitrun.session.environment.now", lambda: next(clock))
    monkeypatch.setattr("splitrun.session.environment.cpu_s", lambda: next(ours))
    monkeypatch.setattr("psutil.cpu_times", lambda **_: next(times))
    assert LoadMeter().so_far() == MachineLoad(others_percent=80.0, idle_percent=100.0)


def _core(**seconds: float) -> SimpleNamespace:
    parts = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest")
    return SimpleNamespace(**dict.fromkeys(parts, 0.0) | seconds)
