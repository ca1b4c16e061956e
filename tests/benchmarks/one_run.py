"""One run in a process of its own, whose memory nothing else has used: what it took.

`python -m tests.benchmarks.one_run < spec.yaml` prints `Figures` in JSON.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from splitrun.events import Executed
from splitrun.plan import Op
from splitrun.report.write import write
from splitrun.runtime.job import WORK
from splitrun.session import prepare, train
from splitrun.spec import loads
from splitrun.study.timing import shorten
from splitrun.study.training import Subject, train_fresh
from splitrun.telemetry import JsonLines, read_events
from tests.benchmarks.memory import most_kib_held

WARM_UP_STEPS = 12
_BUSY = {str(op) for op in (Op.LOAD, *WORK)}


@dataclass(frozen=True)
class Figures:
    """What a run took; what is told of a step is a mean over all of them."""

    prepare_s: float
    """Until data, models and plan are there."""
    prepare_cpu_s: float
    """Processor time of that."""
    step_ms: float
    cpu_ms: float
    """Processor time of the whole process, a step; what saving the model takes is in it."""
    memory_mib: float
    """The most that was held, beyond what imports take."""
    events: float
    """A step."""
    recorded_bytes: float
    """Of `events.jsonl`, a step."""
    report_s: float
    report_bytes: float
    work_ms: Mapping[str, float]
    """By role: how long its instructions lasted, a step. In threads they wait for each other."""


def figures_of(text: str) -> Figures:
    """Run a spec in a process of its own.

    Raises:
        RuntimeError: it failed; says how.
    """
    command = [sys.executable, "-m", "tests.benchmarks.one_run"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"a run ended with {done.returncode}: {done.stderr}")
    return msgspec.json.decode(done.stdout, type=Figures)


def measure(text: str) -> Figures:
    """Run a spec here, after a few steps in which what is needed is imported and warmed."""
    torch.set_num_threads(1)
    before_kib = most_kib_held()
    start, cpu_s = time.perf_counter(), time.process_time()
    experiment = prepare(loads(text, "spec.yaml"), allow_code=True)
    prepare_s, prepare_cpu_s = time.perf_counter() - start, time.process_time() - cpu_s
    subject = Subject(experiment.parties, known=experiment.plan.facts.roles)
    warm_up = shorten(subject, max(WARM_UP_STEPS, experiment.plan.depth))
    train_fresh(warm_up, experiment.document.spec.runtime.type)
    cpu_s = time.process_time()
    with tempfile.TemporaryDirectory() as runs:
        result = train(experiment, Path(runs), [JsonLines()])
        cpu_s, held_kib = time.process_time() - cpu_s, max(1, most_kib_held() - before_kib)
        run = Path(result.run_dir)
        recorded_bytes = sum(path.stat().st_size for path in run.glob("events*"))
        events, lasted_s = 0, defaultdict[str, float](float)
        for event in read_events(run):
            events += 1
            if isinstance(event, Executed) and event.op in _BUSY:
                lasted_s[event.role] += event.end - event.start
        start = time.perf_counter()
        report_bytes = write(run).stat().st_size
        report_s = time.perf_counter() - start
    steps = result.steps
    return Figures(
        prepare_s=prepare_s,
        prepare_cpu_s=prepare_cpu_s,
        step_ms=1e3 * result.wall_s / steps,
        cpu_ms=1e3 * cpu_s / steps,
        memory_mib=held_kib / 1024,
        events=events / steps,
        recorded_bytes=recorded_bytes / steps,
        report_s=report_s,
        report_bytes=report_bytes,
        work_ms={role: 1e3 * each_s / steps for role, each_s in lasted_s.items()},
    )


if __name__ == "__main__":
    print(msgspec.json.encode(measure(sys.stdin.read())).decode())
