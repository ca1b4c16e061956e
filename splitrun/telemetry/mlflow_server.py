"""An MLflow server, by its own client."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

_SETTINGS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",  # a `Sender` tries again, and knows when to stop
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # stdout is the command's
    "MLFLOW_DISABLE_TELEMETRY": "true",  # it would tell its makers, who are no party of the run
}
"""Of MLflow's client, which has them from the environment, where the user has not set them."""
_MOST_AT_ONCE = 100
"""Parameters or tags in a request, as MLflow allows."""


class Metric(NamedTuple):
    """A point of a curve, as MLflow calls it."""

    key: str
    value: float
    time_ms: int
    """Since 1970."""
    step: int


class MLflowServer:
    """One run of a server; every method is one request or a few, and raises what its client does.

    Args:
        tracking_uri: where it is.

    Raises:
        ImportError: MLflow is not installed.
    """

    def __init__(self, tracking_uri: str) -> None:
        for name, value in _SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient, entities, exceptions

        self._client = MlflowClient(tracking_uri)
        self._entities = entities
        self._error: type[Exception] = exceptions.MlflowException
        self._run_id = ""

    def start(self, experiment: str, name: str) -> str:
        """Begin a new run; gives its id. An experiment that is not there is made."""
        experiment_id = self._experiment_id(experiment)
        self._run_id = self._client.create_run(experiment_id, run_name=name).info.run_id
        return self._run_id

    def _experiment_id(self, name: str) -> str:
        there = self._client.get_experiment_by_name(name)
        if there is None:
            try:
                return str(self._client.create_experiment(name))
            except self._error:  # as another run may just have made it
                there = self._client.get_experiment_by_name(name)
                if there is None:
                    raise
        return str(there.experiment_id)

    def go_on(self, run_id: str) -> frozenset[str]:
        """Go on with a run; gives the names of the parameters that it has."""
        self._run_id = run_id
        self._client.update_run(run_id, status="RUNNING")
        return frozenset(self._client.get_run(run_id).data.params)

    def log_params(self, params: Mapping[str, str]) -> None:
        """Tell parameters, of which it has none yet."""
        told = [self._entities.Param(key, value) for key, value in params.items()]
        for first in range(0, len(told), _MOST_AT_ONCE):
            some = told[first : first + _MOST_AT_ONCE]
            self._client.log_batch(self._run_id, params=some, synchronous=True)

    def set_tags(self, tags: Mapping[str, str]) -> None:
        """Tell tags, a hundred at most; one that it has is replaced."""
        told = [self._entities.RunTag(key, value) for key, value in tags.items()]
        self._client.log_batch(self._run_id, tags=told, synchronous=True)

    def log_metrics(self, metrics: Sequence[Metric]) -> None:
        """Tell points of curves, a thousand at most."""
        told = [self._entities.Metric(*metric) for metric in metrics]
        self._client.log_batch(self._run_id, metrics=told, synchronous=True)

    def log_file(self, path: Path, folder: str | None = None) -> None:
        """Give it a file to keep, in a folder of the run's."""
        self._client.log_artifact(self._run_id, str(path), folder)

    def end(self, status: str) -> None:
        """End the run, as `FINISHED`, `FAILED` or `KILLED`."""
        self._client.set_terminated(self._run_id, status)
