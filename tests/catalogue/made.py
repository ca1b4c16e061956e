"""Run directories as commands leave them, made without a training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from splitrun.events import Event
from splitrun.records.bench import BenchRecord, CellRecord
from splitrun.records.comparison import MedianRecord, StudyStatus
from splitrun.records.reading import flattened
from splitrun.records.run import AttemptRecord, Invocation, Manifest, RunResult
from splitrun.spec.yaml_text import dump

SPEC: Mapping[str, Any] = {
    "name": "trial",
    "seed": 7,
    "dataset": {"type": "csv", "path": "rows.csv", "batch_size": 8},
    "parties": {
        "alice": {"columns": ["age", "job"], "bottom": {"type": "mlp", "hidden": [4], "out": 2}},
        "bob": {"columns": ["income"], "bottom": {"type": "mlp", "hidden": [4], "out": 2}},
    },
    "training": {"epochs": 1, "optimizer": {"type": "adam", "lr": 0.01}},
    "pipeline": {"schedule": "stale", "depth": 4},
    "checkpoint": None,
}


def changed(changes: Mapping[str, Any], spec: Mapping[str, Any] = SPEC) -> dict[str, Any]:
    """A spec with values by their dotted keys."""
    tree: dict[str, Any] = json.loads(json.dumps(spec))
    for key, value in changes.items():
        *above, last = key.split(".")
        place = tree
        for part in above:
            place = place[part]
        place[last] = value
    return tree


def make_run(
    runs: Path,
    name: str,
    changes: Mapping[str, Any] | None = None,
    *,
    status: str = "done",
    started: str = "2026-11-01T10:00:00+00:00",
    metrics: Mapping[str, Mapping[str, float | None]] | None = None,
    asked: Invocation | None = None,
    of_before: bool = False,
    model_bytes: int = 0,
) -> Path:
    """A run's directory.

    Args:
        changes: of `SPEC`, by dotted key.
        metrics: by rows and name; without any, it came to no result.
        of_before: its manifest does not tell the spec.
    """
    path = runs / name
    (path / "model").mkdir(parents=True)
    tree = changed(changes or {})
    (path / "spec.yaml").write_text(dump(tree))
    (path / "resolved.yaml").write_text(dump(tree))
    (path / "model" / "weights").write_bytes(b"w" * model_bytes)
    result = RunResult(
        run_dir=str(path), steps=10, samples_per_s=1000.0, metrics=metrics or {}, depth=4
    )
    attempt = AttemptRecord(started=started, status=status, asked=asked or Invocation())
    manifest = Manifest(
        status=status,
        started=started,
        attempts=(attempt,),
        directory=str(runs),
        resolved_sha256="0" * 64,
        spec={} if of_before else flattened(tree),
        result=result if metrics else None,
    )
    content = manifest.to_json()
    if of_before:
        del content["spec"]
        for each in content["attempts"]:
            del each["asked"]
    (path / "manifest.json").write_text(json.dumps(content))
    return path


def evaluated(**metrics: float) -> dict[str, dict[str, float | None]]:
    """Metrics on test rows."""
    return {"test": dict(metrics)}


def make_comparison(runs: Path, name: str, status: str) -> Path:
    """The directory of a comparison that has come so far."""
    path = runs / name
    path.mkdir(parents=True)
    for file in ("spec.yaml", "resolved.yaml"):
        (path / file).write_text(dump(SPEC))
    (path / "status.json").write_text(json.dumps(StudyStatus(status=status).to_json()))
    return path


def make_bench(runs: Path, name: str, *statuses: str, cells: int) -> Path:
    """The directory of a bench of so many cells, of which the first have these statuses."""
    path = runs / name
    (path / "cells").mkdir(parents=True)
    for file in ("spec.yaml", "resolved.yaml"):
        (path / file).write_text(dump(SPEC))
    bench = BenchRecord(
        name="trial",
        started="2026-11-01T10:00:00+00:00",
        directory=str(path),
        load_average=0.0,
        all_cores=2,
        axes={"pipeline.depth": tuple(map(str, range(1, cells + 1)))},
        baseline={},
        cells=tuple(
            CellRecord(
                parameters={"pipeline.depth": str(depth)},
                status=status,
                samples_per_s=MedianRecord(median=1000.0 * depth),
            )
            for depth, status in enumerate(statuses, start=1)
        ),
        warnings=(),
    )
    if statuses:
        (path / "bench.json").write_text(json.dumps(bench.to_json()))
    return path


def record(path: Path, events: Sequence[Event]) -> None:
    """Write a recording into a run's directory."""
    (path / "events.jsonl").write_bytes(msgspec.json.Encoder().encode_lines(events))
