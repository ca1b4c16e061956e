"""Recordings and comparisons made up for tests: one bottom, one top, a link each way."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from splitrun.events import (
    EpochDone,
    Evaluated,
    Event,
    Executed,
    Gpu,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    StepDone,
)

CLOCK = 1000.0
FORWARD_S, BACKWARD_S, LOSS_S, FLIGHT_S = 0.002, 0.003, 0.001, 0.010
LOOP_S = FORWARD_S + LOSS_S + 2 * FLIGHT_S + BACKWARD_S
BOTTOM, TOP = "bob.bottom", "alice.top"
UP, DOWN = f"{BOTTOM}->{TOP}", f"{TOP}->{BOTTOM}"
GPU = Gpu("a processor", 40.0, 2**30, 2**33, 100.0)


def started(*, steps: int = 40, depth: int = 1, **changes: Any) -> RunStarted:
    first = RunStarted(
        run_dir="",
        schedule="stale" if depth > 1 else "sequential",
        depth=depth,
        steps=steps,
        steps_per_epoch=10,
        samples=8 * steps,
        roles=(BOTTOM, TOP),
        channels=(UP, DOWN),
        clock=CLOCK,
    )
    return msgspec.structs.replace(first, **changes)


def steps(count: int, depth: int = 1, start: float = CLOCK) -> Iterator[Event]:
    """So many steps: at each depth, a batch ends a loop's time over the depth after the last."""
    for step in range(count):
        begun = start + step * LOOP_S / depth
        sent = begun + FORWARD_S
        arrived = sent + FLIGHT_S
        back = arrived + LOSS_S
        yield Executed(BOTTOM, "FORWARD", "train", step, 0, begun, sent)
        yield Sent(UP, "train", step, 0, 1024, sent, arrived)
        yield Executed(BOTTOM, "SEND", "train", step, 0, sent, sent, peer=TOP)
        asked = max(begun, arrived - 0.001)
        yield Executed(TOP, "RECV", "train", step, 0, asked, arrived, peer=BOTTOM)
        yield Executed(TOP, "LOSS", "train", step, 0, arrived, back)
        yield Sent(DOWN, "train", step, 0, 1024, back, back + FLIGHT_S)
        yield StepDone(step, step // 10, 8, 1 / (step + 1), back)
        if step % 10 == 9:
            yield EpochDone(step // 10, 1 / (step + 1), back)
        ended = back + FLIGHT_S
        yield Executed(BOTTOM, "BACKWARD", "train", step, 0, ended, ended + BACKWARD_S)


def evaluated(step: int, at: float) -> Evaluated:
    return Evaluated(step, step // 10, 20, {"loss": 0.5, "auroc": 0.9}, at, at + 0.05)


def sampled(at: float, gpus: tuple[Gpu, ...] = ()) -> Sampled:
    return Sampled(at, 50.0, (40.0, 60.0), 300 * 2**20, 5, 12, {BOTTOM: 0.1}, gpus)


def whole_run(count: int = 40, depth: int = 4) -> list[Event]:
    end = CLOCK + count * LOOP_S / depth + LOOP_S
    samples = [sampled(CLOCK + 0.1 * number, (GPU,)) for number in range(1, 6)]
    return [
        started(steps=count, depth=depth),
        *steps(count, depth),
        *samples,
        evaluated(count, end),
        RunEnded("done", "", end + 0.06),
    ]


def record(directory: Path, events: Sequence[Event]) -> Path:
    """Write `events.jsonl` into a directory, which is made if need be."""
    directory.mkdir(parents=True, exist_ok=True)
    text = b"".join(msgspec.json.encode(event) + b"\n" for event in events)
    (directory / "events.jsonl").write_bytes(text)
    return directory


def run_directory(directory: Path, events: Sequence[Event], **manifest: Any) -> Path:
    """A run directory as `splitrun train` leaves it."""
    record(directory, events)
    result = {
        "steps": 40,
        "samples_per_s": 1234.5,
        "wall_s": 2.5,
        "evaluation_s": 0.05,
        "train_loss": 0.025,
        "metrics": {"test": {"loss": 0.5, "auroc": 0.9}},
    }
    content = {"status": "done", "started": "2026-11-22T19:30:09+00:00", "result": result}
    (directory / "manifest.json").write_text(json.dumps(content | manifest), encoding="utf-8")
    plan = {"name": "trial", "schedule": "stale", "depth": 4, "steps": 40, "epochs": 4}
    (directory / "plan.json").write_text(json.dumps(plan), encoding="utf-8")
    lines = [{"epoch": epoch, "train": {"loss": 1 / epoch}} for epoch in range(1, 5)]
    lines += [{"epoch": epoch, "test": {"auroc": 0.8 + 0.02 * epoch}} for epoch in (2, 4)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (directory / "metrics.jsonl").write_text(text, encoding="utf-8")
    (directory / "resolved.yaml").write_text("name: trial\n", encoding="utf-8")
    return directory


def arm(name: str, rate: float, **changes: Any) -> dict[str, Any]:
    """An arm of `comparison.json`."""
    schedule, _, number = name.partition(":")
    depth = int(number) if schedule == "stale" else 1
    points = [
        {"epoch": epoch, "value": 0.8 + 0.04 * epoch, "train_s": 80 * epoch / rate}
        for epoch in range(1, 5)
    ]
    content = {
        "name": name,
        "schedule": schedule,
        "depth": depth,
        "micro_batches": int(number) if schedule == "microbatch" else 1,
        "runtime": "threaded",
        "samples_per_s": {"median": rate, "ci95": [0.9 * rate, 1.1 * rate]},
        "speedup": {"median": rate / 1000, "ci95": [rate / 1100, rate / 900], "lower_bound": 1.0},
        "bound_samples_per_s": 1.2 * rate,
        "fraction_of_bound": 1 / 1.2,
        "predicted_samples_per_s": 1.1 * rate,
        "limited_by": f"the loop of bob at depth {depth}",
        "metric": {
            "name": "auroc",
            "mean": 0.96,
            "ci95": [0.95, 0.97],
            "difference": {"mean": -0.001, "ci95": [-0.003, 0.001]},
        },
        "time_to_target_s": 240 / rate,
        "reached": 2,
        "staleness": {"mean": depth - 1.0, "max": depth - 1},
        "bytes_per_step": 2048,
        "cpu_percent": 42.0,
        "gpu_percent": None,
        "peak_memory_bytes": 2**28,
        "verdict": "equivalent",
        "roles": {
            BOTTOM: {"busy": 0.2, "receive": 0.7, "send": 0.0, "idle": 0.1},
            TOP: {"busy": 0.04, "receive": 0.9, "send": 0.0, "idle": 0.06},
        },
        "links": {UP: {"bytes_per_step": 1024, "messages": 40}},
        "trials": [{"samples_per_s": rate, "cpu_percent": 42.0}],
        "curves": [{"seed": seed, "points": points} for seed in (7, 8)],
        "recording": f"arms/{name.replace(':', '-')}",
    }
    return content | changes


def comparison(*arms: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """`comparison.json`; recommends its last arm."""
    last = arms[-1]
    content = {
        "kind": "comparison",
        "name": "trial",
        "started": "2026-11-22T19:30:09+00:00",
        "splitrun": "0.1.0",
        "environment": {"python": "3.11.7", "packages": {"torch": "2.13.0"}, "cores": 2},
        "settings": {"depths": None, "budget_s": 60.0, "seeds": 2, "margin": 0.005, "target": 0.9},
        "metric": "auroc",
        "baseline": {"runtime": "threaded", "gain": 1.1},
        "arms": list(arms),
        "forecast": [
            {"depth": depth, "bound_samples_per_s": 1200.0 * depth, "predicted_samples_per_s": None}
            for depth in (1, 2, 4, 8)
        ],
        "recommended": {key: last[key] for key in ("schedule", "depth", "micro_batches")},
        "advice": "limited by the loop of bob; depth 8",
        "report": None,
    }
    return content | changes


def comparison_directory(directory: Path, content: dict[str, Any]) -> Path:
    """A comparison's directory, with a recording of each arm that names one."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "comparison.json").write_text(json.dumps(content), encoding="utf-8")
    for each in content["arms"]:
        if each["recording"]:
            depth = max(each["depth"], 1)
            record(directory / each["recording"], whole_run(60, depth))
    return directory


def cell(rate: float, **parameters: str) -> dict[str, Any]:
    """A cell of `bench.json`."""
    return {
        "parameters": parameters,
        "status": "measured",
        "samples_per_s": {"median": rate, "ci95": [0.9 * rate, 1.1 * rate]},
        "step_ms": 1e5 / rate,
        "speedup": rate / 1000,
        "cpu_percent": 42.0,
        "peak_memory_bytes": 2**28,
        "warnings": [{"kind": "busy machine", "text": "other processes used 1.7 of 2 cores"}],
    }


AXES = {"links": ("lan", "wan"), "rows": ("1000", "10000"), "pipeline": ("sequential", "stale:4")}


def bench(**changes: Any) -> dict[str, Any]:
    """`bench.json`; its last cell is the fastest."""
    combinations = (dict(zip(AXES, labels, strict=True)) for labels in product(*AXES.values()))
    cells = [cell(1000.0 * (place + 1), **each) for place, each in enumerate(combinations)]
    content = {
        "kind": "bench",
        "name": "trial",
        "started": "2026-11-22T19:30:09+00:00",
        "directory": "runs/trial-bench-0",
        "load_average": 0.5,
        "all_cores": 2,
        "settings": {"budget_s": 2.0},
        "axes": AXES,
        "baseline": {"pipeline": "sequential"},
        "cells": cells,
        "warnings": [],
    }
    return content | changes


def bench_directory(directory: Path, content: dict[str, Any] | None = None) -> Path:
    """A bench's directory."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "bench.json").write_text(json.dumps(content or bench()), encoding="utf-8")
    return directory
