"""From directories to entries, by what each says of itself.

Half of a run, a damaged one and somebody else's directory are told apart, and none keeps the others
from being listed.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from math import prod
from pathlib import Path

from splitrun.catalogue.entry import Catalogue, Entry, Found, Kind
from splitrun.errors import RunDirectoryError
from splitrun.lock import is_held
from splitrun.records.bench import BenchRecord, SoakRecord
from splitrun.records.comparison import ComparisonRecord, StudyStatus, read_comparison
from splitrun.records.reading import read_record
from splitrun.records.run import UNTYPED, fate, read_listed
from splitrun.records.value import ValueRecord, read_value
from splitrun.telemetry.tail import stuck_at


def read_catalogue(directory: Path) -> Catalogue:
    """All runs, comparisons, valuations and benches of a directory.

    Raises:
        RunDirectoryError: it is none, or cannot be read.
    """
    entries, others, links = [], [], []
    try:
        with os.scandir(directory) as found:
            inside = sorted(found, key=lambda each: each.name)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        remedy = "give --runs-dir the directory that has runs"
        raise RunDirectoryError(f"{directory}: cannot be listed: {reason}; {remedy}") from error
    for each in inside:
        if each.name.startswith("."):
            continue
        if each.is_symlink():
            links.append(each.name)
        elif each.is_dir(follow_symlinks=False):
            entry = read_entry(directory / each.name)
            if entry is None:
                others.append(each.name)
            else:
                entries.append(entry)
    entries.sort(key=lambda entry: entry.started, reverse=True)
    return Catalogue(directory, tuple(entries), tuple(others), tuple(links))


def read_entry(path: Path) -> Entry | None:
    """What a directory says of itself; None where it is not splitrun's."""
    try:
        with os.scandir(path) as inside:
            names = frozenset(each.name for each in inside)
    except (OSError, ValueError):
        return None
    kind = _kind(names)
    if kind is None:
        return None
    read = {"run": _run, "bench": _bench}.get(kind, _study)
    try:
        return Entry(path, read(path))
    except RunDirectoryError as error:
        return Entry(path, Found(kind, "damaged", str(error)))


def _kind(names: frozenset[str]) -> Kind | None:
    """What a directory with files of these names is; a study may prove to be another one."""
    if "spec.yaml" not in names and "resolved.yaml" not in names:
        return None
    if names & {"cells", "bench.json", "soak.json"}:
        return "bench"
    if "value.json" in names:
        return "valuation"
    if names & {"comparison.json", "status.json"}:
        return "comparison"
    whole = "manifest.json" in names or {"spec.yaml", "resolved.yaml"} <= names
    return "run" if whole else None


def _run(path: Path) -> Found:
    manifest = read_listed(path)
    if manifest is None:
        over = is_held(path) is False
        message = "it ended before it began to train" if over else ""
        return Found("run", "killed" if over else "running", message)
    status = fate(path, manifest.status)
    if status == "running" and stuck_at(path) is not None:
        status = "stuck"
    result = manifest.result
    return Found(
        "run",
        status,
        manifest.message,
        started=manifest.started,
        spec=manifest.spec,
        asked=manifest.asked,
        metrics={rows: _known(it) for rows, it in result.metrics.items()} if result else {},
        samples_per_s=result.samples_per_s if result else None,
        steps=result.steps if result else None,
        allow_code=manifest.allow_code,
    )


def _study(path: Path) -> Found:
    """A comparison or a valuation."""
    told = read_record(path / "status.json", StudyStatus)
    record = read_comparison(path) or read_value(path)
    if told is None:  # of before there was one
        kind: Kind = "valuation" if isinstance(record, ValueRecord) else "comparison"
        status, message, asked = "done", "", UNTYPED
    else:
        kind = told.kind
        status, message, asked = fate(path, told.status), told.message, told.asked
    metrics: Mapping[str, Mapping[str, float]] = {}
    if isinstance(record, ComparisonRecord):
        if arm := record.chosen:
            metrics = {record.decided_on: _known({record.metric: arm.metric.mean})}
    elif record is not None:
        metrics = {record.decided_on: _known({record.metric: record.with_all.mean})}
    return Found(kind, status, message, asked=asked, metrics=metrics)


def _bench(path: Path) -> Found:
    held = is_held(path)
    soak = read_record(path / "soak.json", SoakRecord)
    if soak is not None:
        over = "interrupted" if soak.interrupted else "done"
        return Found(
            "bench",
            "running" if held else over,
            soak.verdict,
            soak.started,
            asked=soak.asked,
            samples_per_s=soak.samples_per_s,
        )
    bench = read_record(path / "bench.json", BenchRecord)
    if bench is None:
        return Found("bench", "running" if held else "interrupted", "no cell is done")
    cells, wanted = len(bench.cells), prod(map(len, bench.axes.values()))
    failed = sum(cell.status == "failed" for cell in bench.cells)
    over = "interrupted" if cells < wanted else "failed" if failed else "done"
    return Found(
        "bench",
        "running" if held else over,
        f"{cells} of {wanted} cells are done, {failed} of them failed",
        bench.started,
        asked=bench.asked,
    )


def _known(metrics: Mapping[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in metrics.items() if value is not None}
