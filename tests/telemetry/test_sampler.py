"""The sampler: what it tells, when it does, and that it never gets in the way."""

from __future__ import annotations

import os
import queue
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from splitrun.events import Event, Sampled
from splitrun.session import train
from splitrun.telemetry import JsonLines, Sampler, read_events
from splitrun.telemetry.sampler import Gauge, following
from splitrun.usage import role_cpu_s
from tests.runtime.running import prepared, synthetic

linux = pytest.mark.skipif(sys.platform != "linux", reason="threads' processor time is Linux's")


class Worker:
    """A thread of this name that works or waits as told."""

    def __init__(self, name: str) -> None:
        self._tasks: queue.SimpleQueue[Callable[[], object] | None] = queue.SimpleQueue()
        self._done: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def __enter__(self) -> Worker:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.put(None)
        self._thread.join()

    def do(self, task: Callable[[], object]) -> None:
        """Returns when the thread has done it."""
        self._tasks.put(task)
        self._done.get()

    def _run(self) -> None:
        while (task := self._tasks.get()) is not None:
            task()
            self._done.put(True)


def gauge(*roles: str) -> Gauge:
    return Gauge(roles, lambda: ())


def burn() -> None:
    """Work for some 20 ms."""
    sum(number * number for number in range(300_000))


@pytest.mark.parametrize(
    ("now", "expected"),
    [(10.0, 10.25), (10.01, 10.25), (10.2, 10.25), (10.3, 10.5), (11.1, 11.25), (9.99, 10.25)],
)
def test_deadlines_are_whole_intervals_apart_and_missed_ones_are_skipped(
    now: float, expected: float
) -> None:
    assert following(10.0, 0.25, now) == pytest.approx(expected)


def test_a_sample_tells_of_this_process() -> None:
    with ExitStack() as stack:
        before = gauge().read()
        for _ in range(7):
            stack.enter_context(Path(os.devnull).open())
        stack.enter_context(Worker("idle"))
        after = gauge().read()
    assert after.time > before.time
    assert after.descriptors == before.descriptors + 7
    assert after.threads == before.threads + 1
    assert after.memory_bytes == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert len(after.core_percents) == psutil.cpu_count()
    assert all(0 <= percent <= 100 for percent in after.core_percents)


def test_what_cores_did_is_not_told_of_a_time_too_short_for_the_system_to_count(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times, counts = iter([0.0, 0.25, 0.28, 0.5]), iter([0.0, 70.0, 30.0])
    monkeypatch.setattr(time, "perf_counter", lambda: next(times))
    monkeypatch.setattr(psutil, "cpu_percent", lambda **_: [next(counts)])
    watch = gauge()
    assert [watch.read().core_percents for _ in range(3)] == [(70.0,), (70.0,), (30.0,)]


@linux
def test_processor_time_is_that_of_the_thread_that_worked() -> None:
    with Worker("a.bottom") as one, Worker("a.top") as other, Worker("not a role") as third:
        watch = gauge("a.bottom", "a.top")
        one.do(burn)
        third.do(burn)
        first = watch.read()
        other.do(burn)
        second = watch.read()
    assert set(first.role_cpu_s) == {"a.bottom", "a.top"}
    assert first.role_cpu_s["a.bottom"] > 10 * first.role_cpu_s["a.top"]
    grown = {role: second.role_cpu_s[role] - first.role_cpu_s[role] for role in first.role_cpu_s}
    assert grown["a.top"] > 10 * grown["a.bottom"]
    assert second.cpu_percent > 0


@linux
def test_a_role_that_has_ended_keeps_its_time() -> None:
    watch = gauge("a.top")
    with Worker("a.top") as worker:
        worker.do(burn)
        during = watch.read()
    assert watch.read().role_cpu_s == during.role_cpu_s
    assert role_cpu_s(["a.top"]) == {}


def test_systems_that_do_not_tell_threads_times_tell_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    with Worker("a.top"):
        assert role_cpu_s(["a.top"]) == {}


def test_samples_come_while_it_lasts_and_once_at_its_end() -> None:
    samples: queue.SimpleQueue[Event] = queue.SimpleQueue()
    with Sampler(samples.put, interval_s=0.01) as sampler:
        seen = [samples.get() for _ in range(3)]
    seen.append(samples.get())
    while not samples.empty():
        seen.append(samples.get())
    times = [event.time for event in seen if isinstance(event, Sampled)]
    assert len(times) == len(seen)
    assert times == sorted(times)
    assert sampler.note == ""
    assert "sampler" not in {thread.name for thread in threading.enumerate()}


def test_a_short_stay_gives_one_sample() -> None:
    samples: list[Event] = []
    with Sampler(samples.append, interval_s=3600):
        pass
    assert len(samples) == 1


def test_a_sampler_that_fails_stops_and_says_why() -> None:
    def refuse(_: Event) -> None:
        raise OSError(28, "No space left on device")

    with Sampler(refuse, interval_s=3600) as sampler:
        pass
    assert sampler.note == "OSError: [Errno 28] No space left on device"


def test_a_system_without_another_thread_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    samples: list[Event] = []
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with Sampler(samples.append) as sampler:
        pass
    assert sampler.note == "RuntimeError: can't start new thread"
    assert samples == []


def test_a_run_that_is_sampled_ends_with_the_same_weights(tmp_path: Path) -> None:
    content = synthetic(pipeline={"schedule": "stale", "depth": 3}, links={"default": "lan"})
    roles = ("p0.bottom", "p1.bottom", "p0.top")
    plain = train(prepared(content), tmp_path / "plain")
    sampled = train(
        prepared(content),
        tmp_path / "sampled",
        [JsonLines()],
        [lambda emit: Sampler(emit, interval_s=0.002, roles=roles)],
    )
    assert sampled.weights_sha256 == plain.weights_sha256
    events = list(read_events(Path(sampled.run_dir)))
    kinds = [type(event).__name__ for event in events]
    assert (kinds[0], kinds[-1]) == ("RunStarted", "RunEnded")
    samples = [event for event in events if isinstance(event, Sampled)]
    assert samples
    if sys.platform == "linux":
        assert set(samples[-1].role_cpu_s) == set(roles)


def test_the_command_line_samples_every_run(tmp_path: Path) -> None:
    """At its end at least; the roles of a serial run share a thread."""
    from splitrun.cli.app import run

    (tmp_path / "trial.yaml").write_text(TRIAL)
    arguments = ["train", str(tmp_path / "trial.yaml"), "--progress", "none"]
    assert run([*arguments, "--runs-dir", str(tmp_path / "runs")]) == 0
    (directory,) = (tmp_path / "runs").iterdir()
    samples = [event for event in read_events(directory) if isinstance(event, Sampled)]
    assert samples
    assert samples[-1].role_cpu_s == {}


TRIAL = """\
name: trial
dataset: {type: synthetic, rows: 100, numeric: 2, batch_size: 8}
parties:
  alice: {bottom: {type: mlp, out: 2}}
  bob: {bottom: {type: mlp, out: 2}}
top: {party: alice, model: {type: mlp, out: 1}, loss: binary_cross_entropy}
runtime: serial
"""


def test_two_samples_at_once_tell_the_same_share_of_the_processor() -> None:
    watch = gauge()
    burn()
    first = watch.read()
    assert watch.read().cpu_percent == first.cpu_percent > 0
