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
    """Runs, two or more; each is compared with the first."""

    runs: tuple[PastRun, ...]

    @property
    def identical(self) -> bool:
        """Whether all ended with the same weights."""
        return len({run.result.weights_sha256 for run in self.runs}) == 1

    @property
    def speedups(self) -> Sequence[float]:
        """Each run's throughput over the first's."""
        rates = [run.result.samples_per_s for run in self.runs]
        return [rate / rates[0] for rate in rates]

    @property
    def rows(self) -> EvaluatedRows:
        """Those whose metrics are compared: the validation rows, where all runs have some."""
        return "validation" if all(run.on("validation") for run in self.runs) else "test"

    @property
    def metrics(self) -> Sequence[Mapping[str, float]]:
        """Each run's values, on these rows, of the metrics that all have."""
        found = [run.on(self.rows) for run in self.runs]
        common = [name for name in found[0] if all(name in each for each in found)]
        return [{name: each[name] for name in common} for each in found]

    @property
    def differences(self) -> Sequence[Mapping[str, float]]:
        """Each run's metrics less the first's."""
        first, *_ = found = self.metrics
        return [{name: value - first[name] for name, value in each.items()} for each in found]

    @property
    def spec(self) -> Changes:
        """Where their specs differ."""
        return _changes(*(run.spec for run in self.runs))

    @property
    def environment(self) -> Changes:
        """Where the machines and the software that they ran on differ."""
        return _changes(*(run.environment for run in self.runs))

    @property
    def caveats(self) -> Sequence[str]:
        """What such a comparison cannot tell."""
        return caveats(self.runs)

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready record; of two runs, `speedup` and `metrics` are the second's over, and
        less, the first's."""
        compared = zip(self.runs, self.speedups, self.differences, strict=True)
        content: dict[str, Any] = {
            "runs": [
                {"status": run.status}
                | run.result.to_json()
                | {"speedup": speedup, "differences": differences}
                for run, speedup, differences in compared
            ],
            "rows": self.rows,
            "identical": self.identical,
            "spec": {key: list(values) for key, values in self.spec.items()},
            "environment": {key: list(values) for key, values in self.environment.items()},
            "caveats": list(self.caveats),
        }
        if len(self.runs) == 2:
            content |= {"speedup": self.speedups[1], "metrics": self.differences[1]}
        return content


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


def compare_runs(*directories: Path) -> RunComparison:
    """Compare the runs of some directories.

    Raises:
        RunDirectoryError: one of them is none, is damaged, or has no result.
    """
    return RunComparison(tuple(map(PastRun.read, directories)))


def _changes(*runs: Mapping[str, object]) -> Changes:
    keys = dict.fromkeys(key for run in runs for key in run)
    found = {key: tuple(run.get(key) for run in runs) for key in keys}
    return {key: each for key, each in found.items() if any(it != each[0] for it in each)}
