"""Runs that were made before, side by side.

One run each has no interval: how they differ is told, not judged. Certain is only whether they end
with the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splitrun.errors import RunDirectoryError
from splitrun.events import EvaluatedRows
from splitrun.records.reading import flattened
from splitrun.records.run import RunResult, fate, way_on
from splitrun.session import RunDirectory

Changes = Mapping[str, tuple[object, ...]]
"""By dotted key: what each run has; None where one has no such key."""


@dataclass(frozen=True)
class PastRun:
    """What a run directory tells of a run that came to a result."""

    status: str
    result: RunResult
    spec: Mapping[str, object]
    """As understood, by dotted key."""
    environment: Mapping[str, object]
    """By dotted key."""

    @classmethod
    def read(cls, path: Path) -> PastRun:
        """The run of a directory.

        Raises:
            RunDirectoryError: it is none, is damaged, or the run came to no result.
        """
        directory = RunDirectory.open(path)
        manifest = directory.manifest()
        status, result = fate(path, manifest.status), manifest.result
        if result is None:
            if status == "killed":
                message = f"{path}: the run was killed and has no result"
                raise RunDirectoryError(f"{message}; {way_on(path, manifest)}")
            message = f"{path}: the run is {status} and has no result"
            raise RunDirectoryError(f"{message}; give one that came to its end")
        if not result.samples_per_s > 0:
            raise RunDirectoryError(f"{path}: the run ended before its first step; give another")
        spec = directory.document().spec.model_dump(mode="json", by_alias=True)
        machine = manifest.environment.to_json()
        return cls(status, result, flattened(spec), flattened(machine))

    def on(self, rows: EvaluatedRows) -> Mapping[str, float]:
        """The metrics on these rows; without those that are not defined there."""
        metrics = self.result.metrics.get(rows, {})
        return {name: value for name, value in metrics.items() if value is not None}


@dataclass(frozen=True)
class RunComparison:
    """Two runs; the second is compared with the first."""

    first: PastRun
    second: PastRun

    @property
    def identical(self) -> bool:
        """Whether both ended with the same weights."""
        return self.first.result.weights_sha256 == self.second.result.weights_sha256

    @property
    def speedup(self) -> float:
        """The second's throughput over the first's."""
        return self.second.result.samples_per_s / self.first.result.samples_per_s

    @property
    def rows(self) -> EvaluatedRows:
        """Those whose metrics are compared: the validation rows, where both runs have some."""
        both = all(run.on("validation") for run in (self.first, self.second))
        return "validation" if both else "test"

    @property
    def differences(self) -> Mapping[str, float]:
        """The differences of the metrics that both have: the second's less the first's."""
        first, second = self.first.on(self.rows), self.second.on(self.rows)
        return {name: second[name] - value for name, value in first.items() if name in second}

    @property
    def spec(self) -> Changes:
        """Where their specs differ."""
        return _changes(self.first.spec, self.second.spec)

    @property
    def environment(self) -> Changes:
        """Where the machines and the software that they ran on differ."""
        return _changes(self.first.environment, self.second.environment)

    @property
    def caveats(self) -> Sequence[str]:
        """What such a comparison cannot tell."""
        return caveats((self.first, self.second))

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "runs": [
                {"status": run.status} | run.result.to_json() for run in (self.first, self.second)
            ],
            "speedup": self.speedup,
            "rows": self.rows,
            "metrics": dict(self.differences),
            "identical": self.identical,
            "spec": {key: list(values) for key, values in self.spec.items()},
            "environment": {key: list(values) for key, values in self.environment.items()},
        }


@dataclass(frozen=True)
class RunTable:
    """Several runs; each is compared with the first."""

    runs: tuple[PastRun, ...]

    @property
    def rows(self) -> EvaluatedRows:
        """Those whose metrics are compared: the validation rows, where all runs have some."""
        return "validation" if all(run.on("validation") for run in self.runs) else "test"

    @property
    def metrics(self) -> Sequence[str]:
        """Those that all have on these rows."""
        found = [run.on(self.rows) for run in self.runs]
        return [name for name in found[0] if all(name in each for each in found)]

    @property
    def identical(self) -> bool:
        """Whether all ended with the same weights."""
        return len({run.result.weights_sha256 for run in self.runs}) == 1

    @property
    def spec(self) -> Changes:
        """Where their specs differ."""
        return _changes(*(run.spec for run in self.runs))

    @property
    def environment(self) -> Changes:
        """Where the machines and the software that they ran on differ."""
        return _changes(*(run.environment for run in self.runs))

    def speedup(self, run: PastRun) -> float:
        """A run's throughput over the first's."""
        return run.result.samples_per_s / self.runs[0].result.samples_per_s

    def difference(self, run: PastRun, metric: str) -> float:
        """A run's metric less the first's."""
        return run.on(self.rows)[metric] - self.runs[0].on(self.rows)[metric]

    @property
    def caveats(self) -> Sequence[str]:
        """What such a comparison cannot tell."""
        return caveats(self.runs)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready record."""
        return {
            "runs": [
                {"status": run.status}
                | run.result.to_json()
                | {"speedup": self.speedup(run)}
                | {"differences": {name: self.difference(run, name) for name in self.metrics}}
                for run in self.runs
            ],
            "rows": self.rows,
            "identical": self.identical,
            "spec": {key: list(values) for key, values in self.spec.items()},
            "environment": {key: list(values) for key, values in self.environment.items()},
            "caveats": list(self.caveats),
        }


def caveats(runs: Sequence[PastRun]) -> list[str]:
    """What a comparison of runs cannot tell, by what they share and what they do not."""
    differ = _changes(*(run.spec for run in runs)).keys() - {"name"}
    seeds = list(dict.fromkeys(str(run.spec.get("seed")) for run in runs))
    found = []
    if len(seeds) == 1:
        found.append(
            f"all have seed {seeds[0]}, so they share what is drawn of it: what another seed would "
            "bring is in none of these differences"
        )
    elif differ == {"seed"}:
        found.append("they differ in their seeds alone: what is between them is chance")
    else:
        found.append(f"their seeds differ, too ({', '.join(seeds)}): a part of it is chance")
    data = sorted(key for key in differ if key.startswith("dataset.") and key not in _OF_TRAINING)
    if data:
        found.append(f"{data[0]} differs, so their metrics may be of other rows")
    found.append("one run each has no interval; `splitrun compare SPEC` measures one")
    return found


_OF_TRAINING = ("dataset.batch_size",)
"""Keys of the dataset that change none of its rows."""


def compare_runs(first: Path, second: Path) -> RunComparison:
    """Compare two run directories.

    Raises:
        RunDirectoryError: one of them is none, is damaged, or has no result.
    """
    return RunComparison(PastRun.read(first), PastRun.read(second))


def _changes(*runs: Mapping[str, object]) -> Changes:
    keys = dict.fromkeys(key for run in runs for key in run)
    found = {key: tuple(run.get(key) for run in runs) for key in keys}
    return {key: each for key, each in found.items() if any(it != each[0] for it in each)}
