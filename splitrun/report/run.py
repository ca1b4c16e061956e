"""A run directory, as the report reads it: whatever is there of a run that may have gone wrong."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from splitrun.files import is_something
from splitrun.left import stand
from splitrun.report.files import read_json, read_lines, read_text
from splitrun.report.summary import RunSummary, digest
from splitrun.telemetry.jsonl import FIRST_PART


class Staleness(msgspec.Struct, frozen=True):
    """Of the gradients that a role applied."""

    mean: float
    max: int


class Result(msgspec.Struct, frozen=True):
    """What a run came to."""

    steps: int = 0
    wall_s: float | None = None
    """Training time; evaluations are outside the clock."""
    evaluation_s: float | None = None
    samples_per_s: float | None = None
    train_loss: float | None = None
    metrics: dict[str, dict[str, float | None]] = {}
    staleness: dict[str, Staleness] = {}
    """By role."""
    weights_sha256: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """How a run went, and on what."""

    status: str
    started: str = ""
    message: str = ""
    seed: int | None = None
    threads: dict[str, Any] = {}
    environment: dict[str, Any] = {}
    result: Result | None = None


class Role(msgspec.Struct, frozen=True):
    """One role of a plan."""

    depth: int
    staleness: int
    parameters: int
    versions: int
    version_bytes: int


class Plan(msgspec.Struct, frozen=True):
    """What was to be run."""

    name: str = ""
    schedule: str = ""
    depth: int = 1
    micro_batches: int = 1
    epochs: int = 0
    steps: int = 0
    batch_size: int = 0
    train_rows: int = 0
    test_rows: int = 0
    roles: dict[str, Role] = {}
    advice: str = ""
    """On the depth, where costs were probed."""
    unproven: bool = False
    """Whether the depth is the faster one of two that are advised, by the user's will."""


class Record(msgspec.Struct, frozen=True):
    """What an epoch or an evaluation gave."""

    epoch: float
    train: dict[str, float | None] = {}
    test: dict[str, float | None] = {}


@dataclass(frozen=True)
class Run:
    """What a run directory holds; None is what is not there."""

    directory: str
    """Its name."""
    status: str
    """As the manifest and the directory's lock tell; empty where nothing does."""
    message: str
    """What there is to say of that."""
    manifest: Manifest | None
    plan: Plan | None
    records: list[Record]
    digest: RunSummary | None
    spec: str | None
    failure: str | None


def read_run(directory: Path) -> Run | None:
    """A run directory, or a bare recording; None where it is neither.

    Raises:
        RunDirectoryError: a file is damaged.
    """
    manifest = read_json(directory / "manifest.json", Manifest)
    recorded = is_something(directory / FIRST_PART)
    if manifest is None and not recorded:
        return None
    status, message = stand(directory)
    return Run(
        directory.resolve().name,
        status,
        message,
        manifest,
        read_json(directory / "plan.json", Plan),
        read_lines(directory / "metrics.jsonl", Record),
        digest(directory) if recorded else None,
        read_text(directory / "resolved.yaml"),
        read_text(directory / "failure.txt"),
    )
