"""What a comparison has measured so far, line by line: whatever happens later, that is kept."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from splitrun.files import append_text
from splitrun.study.arms import Arm
from splitrun.study.quality import Scores
from splitrun.study.timed_arm import TimedArm, Trial
from splitrun.study.watcher import Watcher

MEASURED = "measured.jsonl"


class Notebook(Watcher):
    """Writes down every training and every trial, and tells another watcher.

    Args:
        directory: of the comparison.
        metric: what scores are of.
        watcher: told all of it, too.
    """

    def __init__(self, directory: Path, metric: str, watcher: Watcher) -> None:
        self._path = directory / MEASURED
        self._metric = metric
        self._watcher = watcher

    def tell(self, line: str) -> None:
        """Pass it on."""
        self._watcher.tell(line)

    def scored(self, arm: Arm, scores: Scores) -> None:
        """Write down the new score.

        Raises:
            OSError: it cannot be written.
        """
        seed, curve = list(scores.curves.items())[-1]
        self._write(
            {
                "what": "training",
                "arm": str(arm),
                "seed": seed,
                "metric": self._metric,
                "value": scores.values[-1],
                "curve": {str(epoch): value for epoch, value in curve.items()},
                "weights_sha256": scores.weights_sha256[-1],
            }
        )
        self._watcher.scored(arm, scores)

    def round(
        self, trials: Mapping[TimedArm, Sequence[Trial]], elapsed_s: float, budget_s: float | None
    ) -> None:
        """Write down everybody's new trial.

        Raises:
            OSError: it cannot be written.
        """
        for timed_arm, each in trials.items():
            trial = {"what": "trial", "arm": str(timed_arm.arm), "runtime": timed_arm.runtime}
            self._write(trial | {"round": len(each)} | asdict(each[-1]))
        self._watcher.round(trials, elapsed_s, budget_s)

    def _write(self, record: Mapping[str, object]) -> None:
        append_text(self._path, json.dumps(record) + "\n")
