"""What it costs to watch a run: the dashboard, the sampler and a recording, against nothing."""

from __future__ import annotations

import gc
import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from rich.console import Console

from splitrun.dashboard import Dashboard
from splitrun.events import Sink
from splitrun.session import prepare, train
from splitrun.spec import Document, load, loads
from splitrun.telemetry import JsonLines, Sampler
from tests.benchmarks.overhead import SPEC
from tests.benchmarks.pairs import Measure, Ratio, compare


def run(document: Document, *, watched: bool) -> Measure:
    """Seconds of training; what is drawn goes to a terminal of 120 × 40 that nobody sees."""

    def measure() -> float:
        experiment = prepare(document)
        gc.collect()
        with tempfile.TemporaryDirectory() as runs, Path(os.devnull).open("w") as screen:
            if not watched:
                return train(experiment, Path(runs)).wall_s
            roles = [role.name for role in experiment.plan.roles]
            console = Console(file=screen, force_terminal=True, width=120, height=40)
            with Dashboard(console) as dashboard:
                sinks: list[Sink] = [JsonLines(), dashboard]
                sources = [partial(Sampler, roles=roles)]
                return train(experiment, Path(runs), sinks, sources).wall_s

    return measure


def measure(pairs: int) -> Iterator[Ratio]:
    """Ratios of times; the upper end of the interval is at most 1.02."""
    quickstart = load(Path("experiments/quickstart.yaml"))
    small = loads(SPEC % (128, 20), "small.yaml", ["pipeline={schedule: stale, depth: 4}"])
    for name, document, steps in (("quickstart", quickstart, 252), ("no links", small, 2560)):
        yield compare(
            f"{name}, watched against unwatched",
            1.02,
            run(document, watched=True),
            run(document, watched=False),
            steps=steps,
            pairs=pairs,
        )
