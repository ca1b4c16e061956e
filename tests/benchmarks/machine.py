"""What this machine can do by itself, in half a minute: figures to read all others beside.

A plain PyTorch step; a handover between threads, as channels make it; how late waits end; how
steadily one core works, and how much all of them do at once.
"""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from queue import SimpleQueue

import torch
from torch import nn

from splitrun.runtime.affinity import CpuPin
from splitrun.runtime.clock import now, sharpen_timers, wait_until
from splitrun.session.environment import environment, usable_cores
from tests.benchmarks.loop import hand_written_loop

BATCH_SIZES = (128, 1024)
LOOPS, LOOP_S = 9, 0.3
"""Of the plain step, and about how long each is."""
HANDOVERS = 400
WAITS = 300
PAUSE_S = 1e-3
"""Before a handover, so that who waits for it sleeps as roles do, and the length of a wait."""
PRODUCTS = 50
"""Of matrices, in a bit of work: so much that another process's turn on the core shows."""
SPEED_S, TOGETHER_S = 10.0, 2.0
"""A core's speed is watched for so long, and then all cores at once."""


@dataclass(frozen=True)
class Spread:
    """Of many readings of one thing."""

    low: float
    """The first quartile."""
    median: float
    high: float
    """The third quartile."""
    tenth: float
    """One reading in ten is larger."""
    mean: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Two readings or more."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        tenth = statistics.quantiles(values, n=10, method="inclusive")[-1]
        return cls(low, median, high, tenth, statistics.fmean(values))


@dataclass(frozen=True)
class Machine:
    """What was measured; spreads of seconds."""

    step_s: Mapping[int, Spread]
    """The hand-written loop's step, by batch size."""
    handover_s: Mapping[int, Spread]
    """From `put` to the waiting thread's `get`, by the number of cores that both keep to."""
    wait_s: Spread
    """How late `wait_until` ends."""
    sleep_s: Spread
    """How late `time.sleep` ends."""
    work_s: Spread
    """A fixed bit of work, over and over."""
    cores: float
    """How many times as much of it is done where every core works."""

    def rows(self) -> Iterator[str]:
        """A Markdown table."""
        found = environment(Path())
        code = (
            f"{found.git.commit[:12]}{', changed' if found.git.dirty else ''}" if found.git else "?"
        )
        yield f"{found.cpu}, {found.cores} cores, {found.platform}"
        yield f"Python {found.python}, torch {found.packages['torch']}; commit {code}"
        yield f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC\n"
        yield "| this machine | median | quartiles | slowest tenth |\n|---|---|---|---|"
        for batch_size, spread in self.step_s.items():
            yield _row(f"a plain step, batch {batch_size:,}, ms", spread, 1e3)
        for cores, spread in self.handover_s.items():
            where = "one core" if cores == 1 else f"{cores} cores"
            yield _row(f"a handover between threads on {where}, µs", spread, 1e6)
        yield _row("a wait of 1 ms ends late by, µs", self.wait_s, 1e6)
        yield _row("a plain sleep of 1 ms ends late by, µs", self.sleep_s, 1e6)
        yield _row(f"a bit of work on one core, over {SPEED_S:.0f} s, ms", self.work_s, 1e3)
        yield f"| as much of it as so many cores do, all at once | {self.cores:.2f} | | |"

    @property
    def best_handover_s(self) -> float:
        """The median where it is least."""
        return min(spread.median for spread in self.handover_s.values())


@cache
def this_machine() -> Machine:
    """Measured once."""
    cores = sorted(usable_cores())
    places = (cores[:1], cores[:2]) if len(cores) > 1 else (cores,)
    work_s, together = _speed(len(cores))
    return Machine(
        step_s={size: Spread.of(_plain_steps_s(size)) for size in BATCH_SIZES},
        handover_s={len(place): Spread.of(_handovers_s(place)) for place in places},
        wait_s=Spread.of(_in_a_thread(_waits_s)),
        sleep_s=Spread.of(_in_a_thread(_sleeps_s)),
        work_s=work_s,
        cores=together,
    )


def _row(name: str, spread: Spread, factor: float) -> str:
    low, median, high, tenth = (
        f"{value * factor:.3g}" for value in (spread.low, spread.median, spread.high, spread.tenth)
    )
    return f"| {name} | {median} | {low} – {high} | > {tenth} |"


def _plain_steps_s(batch_size: int) -> list[float]:
    """Two bottoms 24 → 100 → 64 and a top 128 → 64 → 1, Adam: the `overhead` study's."""
    torch.manual_seed(0)
    rows = 16 * batch_size
    columns = [(torch.randn(rows, 24),) for _ in range(2)]
    labels = (torch.rand(rows, 1) > 0.5).float()
    bottoms = [nn.Sequential(nn.Linear(24, 100), nn.ReLU(), nn.Linear(100, 64)) for _ in range(2)]
    top = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 1))
    optimizers = [torch.optim.Adam(module.parameters(), lr=1e-3) for module in (*bottoms, top)]

    def loop(steps: int) -> float:
        return (
            hand_written_loop(
                bottoms, top, columns, labels, optimizers, batch_size=batch_size, steps=steps
            )
            / steps
        )

    loop(20)
    steps = max(2, round(LOOP_S / loop(20)))
    return [loop(steps) for _ in range(LOOPS)]


def _handovers_s(cores: Sequence[int]) -> list[float]:
    """One way, to a thread that waits; both keep to the cores, the last to the last of them."""
    there: SimpleQueue[float] = SimpleQueue()
    back: SimpleQueue[float] = SimpleQueue()

    def answer() -> None:
        CpuPin(cores[-1], cores).take()
        for _ in range(HANDOVERS):
            sent = there.get()
            back.put(now() - sent)

    def ask() -> list[float]:
        CpuPin(cores[0], cores).take()
        taken = []
        for _ in range(HANDOVERS):
            time.sleep(PAUSE_S)
            there.put(now())
            taken.append(back.get())
        return taken

    answering = threading.Thread(target=answer)
    answering.start()
    taken = _in_a_thread(ask)
    answering.join()
    return taken


def _waits_s() -> list[float]:
    sharpen_timers()
    never = threading.Event()

    def late() -> float:
        deadline = now() + PAUSE_S
        wait_until(deadline, never)
        return now() - deadline

    return [late() for _ in range(WAITS)]


def _sleeps_s() -> list[float]:
    def late() -> float:
        deadline = now() + PAUSE_S
        time.sleep(PAUSE_S)
        return now() - deadline

    return [late() for _ in range(WAITS)]


def _in_a_thread(measure: Callable[[], list[float]]) -> list[float]:
    """Of its own, whose core and timers are set as it likes."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(measure).result()


def _speed(cores: int) -> tuple[Spread, float]:
    """A bit of work on one core; and how many times as much all of them do at once."""
    torch.set_num_threads(1)
    alone = _work_s(SPEED_S)
    with ThreadPoolExecutor(cores) as pool:
        each = list(pool.map(_work_s, [TOGETHER_S] * cores))
    done = sum(len(times) / sum(times) for times in each)
    return Spread.of(alone), done * statistics.fmean(alone)


def _work_s(seconds: float) -> list[float]:
    """Products of two matrices, which leave Python's lock alone, one after the other."""
    torch.set_num_threads(1)
    left, right = torch.randn(2, 256, 256)
    out = torch.empty(256, 256)
    taken: list[float] = []
    end = now() + seconds
    while (start := now()) < end or len(taken) < 2:
        for _ in range(PRODUCTS):
            torch.mm(left, right, out=out)
        taken.append(now() - start)
    return taken
