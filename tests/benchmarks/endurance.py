"""One long run as `splitrun train` makes it: does it stay as fast and as small as it began?

Links leave roles half of the time to spare, so that throughput is the run's and not that of this
hour's neighbours; what the run itself comes to need shows in its processor time a step.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from rich.console import Console

from splitrun.dashboard import Dashboard
from splitrun.events import Event, Sampled, Sink, StepDone
from splitrun.session import prepare, train
from splitrun.spec import loads
from splitrun.study.bench.soak import SoakSample, judge
from splitrun.study.statistics import Trend, find_trend
from splitrun.telemetry import JsonLines, Sampler

STEPS = 1_000_000
"""Each thousand is an epoch."""
EVERY_S = 2.0
"""Between two looks at the machine."""
_WINDOWS = 20

SPEC = """
name: endurance
dataset: {type: synthetic, rows: 32000, numeric: 8, test_fraction: 0, batch_size: 32}
parties:
  alice: {bottom: {type: mlp, out: 8}}
  bob: {bottom: {type: mlp, out: 8}}
top: {party: alice, loss: binary_cross_entropy, model: {type: mlp, out: 1}}
training: {optimizer: {type: sgd, lr: 0.01}, epochs: %d}
pipeline: {schedule: stale, depth: 8}
links: {default: {latency_ms: 8, bandwidth_mbps: 1000}}
checkpoint: {every_steps: 50000}
"""


class _Moments:
    """A sink that remembers what the machine looked like, and how far the run had come."""

    def __init__(self) -> None:
        self.all: list[SoakSample] = []
        self.cpu_s = [0.0]
        """Processor time of the process, at each moment."""
        self._step = (0.0, 0)
        self._sampled = 0.0

    def __call__(self, event: Event) -> None:
        if isinstance(event, StepDone):
            self._step = event.end, self._step[1] + event.rows
        elif isinstance(event, Sampled):
            time, samples = self._step
            sizes = event.memory_bytes, event.threads, event.descriptors
            passed_s = event.time - self._sampled if self.all else 0.0
            self.cpu_s.append(self.cpu_s[-1] + event.cpu_percent / 100 * passed_s)
            self._sampled = event.time
            self.all.append(SoakSample(time, samples, *sizes))

    def cost_trend(self) -> Trend | None:
        """Of the processor time a sample, over windows."""
        edges = [len(self.all) * (1 + index) // (_WINDOWS + 1) for index in range(_WINDOWS)]
        edges.append(len(self.all) - 1)
        times, costs = [], []
        for first, last in pairwise(edges):
            start, end = self.all[first], self.all[last]
            cpu_s = self.cpu_s[last + 1] - self.cpu_s[first + 1]
            if end.samples > start.samples:
                times.append((start.time + end.time) / 2)
                costs.append(cpu_s / (end.samples - start.samples))
        return find_trend(times, costs)


def measure(thousands: int) -> Iterator[str]:
    """Rows of a Markdown table.

    Args:
        thousands: of steps.
    """
    document = loads(SPEC % thousands, "endurance.yaml")
    moments = _Moments()
    with tempfile.TemporaryDirectory() as runs, Path(os.devnull).open("w") as screen:
        console = Console(file=screen, force_terminal=True, width=120, height=40)
        with Dashboard(console) as dashboard:
            sinks: list[Sink] = [JsonLines(), dashboard, moments]
            sources = [lambda emit: Sampler(emit, EVERY_S)]
            result = train(prepare(document), Path(runs), sinks, sources)
        recorded = sum(path.stat().st_size for path in Path(result.run_dir).glob("events*"))
    found = judge(moments.all[:-1])
    yield "| figure | found |\n|---|---|"
    yield f"| steps | {result.steps:,} in {result.wall_s / 60:.1f} min |"
    trends = {"throughput": found.trend, "processor time a step": moments.cost_trend()}
    for name, trend in trends.items():
        if trend is not None:
            change, low, high = (f"{it:+.1%}" for it in vars(trend).values())
            yield f"| drift of {name} | {change} [{low}, {high}] |"
    first = moments.all[len(moments.all) // 100].memory_bytes
    growth = found.memory_growth_bytes
    yield f"| memory | {first / 2**20:.0f} MiB, {growth / 2**20:+.1f} MiB ({growth / first:+.2%}) |"
    yield f"| threads, open files | {found.thread_growth:+d}, {found.descriptor_growth:+d} |"
    yield f"| recording on disk | {recorded / 2**20:.0f} MiB |"
