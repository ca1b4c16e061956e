"""What the files of a bench's directory hold.

    bench.json    `BenchRecord`    every cell of a grid
    soak.json     `SoakRecord`     how steadily one long run went

What may be unknown is None. `cells/<hash>.json` is what the next start of a bench goes on from, and
nobody else's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from splitrun.records.comparison import Interval, MedianRecord, TrialRecord
from splitrun.records.reading import FileRecord, Record
from splitrun.records.run import UNTYPED, Environment, Invocation


class BenchHeader(FileRecord, frozen=True, kw_only=True):
    """What is known before anything is measured."""

    name: str
    """The experiment's name."""
    started: str = ""
    """A moment in ISO 8601."""
    directory: str
    environment: Environment = Environment()
    load_average: float
    """Processes that wanted a core when it began."""
    all_cores: int
    """Cores of the machine; `environment.cores` are those that the process might use."""
    settings: Mapping[str, Any] = {}
    """How it was asked to measure, key by key."""
    asked: Invocation = UNTYPED
    nodes: tuple[str, ...] = ()
    """Addresses of the cluster's nodes that cells were timed on, each alone on one; empty: here."""


class BenchWarning(Record, frozen=True, kw_only=True):
    """One reason not to trust a cell's figures."""

    kind: str
    text: str


class CellRecord(Record, frozen=True, kw_only=True):
    """One cell of a grid: measured, or the reason why not. Figures are medians over its trials."""

    parameters: Mapping[str, str]
    """The value of every axis, as it was written."""
    status: str
    """`measured`, `measured before`, `failed` or `not run`."""
    problem: str | None = None
    schedule: str | None = None
    depth: int | None = None
    micro_batches: int | None = None
    batch_size: int | None = None
    runtime: str | None = None
    steps: int | None = None
    """Steps of each trial."""
    samples_per_s: MedianRecord | None = None
    step_ms: float | None = None
    speedup: float | None = None
    """Over its reference cell."""
    cpu_percent: float | None = None
    peak_memory_bytes: int | None = None
    others_percent: float | None = None
    """Processor time of other processes during the trials; 100 is one core."""
    trials: tuple[TrialRecord, ...] = ()
    warnings: tuple[BenchWarning, ...] = ()


class BenchRecord(BenchHeader, frozen=True, kw_only=True):
    """The cells of a grid that are done, in its order."""

    kind: Literal["bench"] = "bench"
    axes: Mapping[str, tuple[str, ...]]
    """By key, its values."""
    baseline: Mapping[str, str]
    cells: tuple[CellRecord, ...]
    warnings: tuple[str, ...]


class DriftRecord(Record, frozen=True, kw_only=True):
    """How throughput changed from the first to the last, as a share of it."""

    change: float
    ci95: Interval


class FigureRecord(Record, frozen=True, kw_only=True):
    """One figure of a long run, and the limit that it is judged by."""

    name: str
    value: str
    limit: str
    complaint: str = ""
    """What is wrong; empty where nothing is."""


class MomentRecord(Record, frozen=True, kw_only=True):
    """A run as it was at one moment."""

    time: float
    samples: int
    memory_bytes: int
    threads: int
    descriptors: int


class SoakRecord(BenchHeader, frozen=True, kw_only=True):
    """How steadily one long run went."""

    kind: Literal["soak"] = "soak"
    interrupted: bool = False
    verdict: str
    samples_per_s: float
    duration_s: float
    drift: DriftRecord | None
    memory_growth_bytes: int
    thread_growth: int
    descriptor_growth: int
    figures: tuple[FigureRecord, ...]
    moments: tuple[MomentRecord, ...]
