"""The section of a spec that has an MLflow server show the run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from splitrun.errors import UsageError
from splitrun.spec.contracts import SinkSection

if TYPE_CHECKING:
    from splitrun.telemetry.mlflow_run import MLflow


class MLflowSink(SinkSection):
    """The run on the MLflow server that MLFLOW_TRACKING_URI names: its spec, steps, evaluations,
    shares and files. No spec names the server: a stranger's could have the model sent away."""

    extra: ClassVar[str | None] = "mlflow"

    type: Literal["mlflow"]
    experiment: str | None = Field(
        None,
        min_length=1,
        max_length=500,
        description="Made where there is none of that name; otherwise MLFLOW_EXPERIMENT_NAME, or "
        "the spec's `name`.",
    )

    def build(self) -> MLflow:
        """What tells the server of one attempt's events.

        Raises:
            UsageError: nothing says which server.
            ImportError: MLflow is not installed.
        """
        tracking_uri = os.environ.get("MLFLOW_TRACKING_URI")
        if not tracking_uri:
            missing = "MLFLOW_TRACKING_URI is not set, which says where the server is"
            raise UsageError(f"{missing}; export it, such as http://127.0.0.1:5000")
        from splitrun.telemetry.mlflow_run import MLflow
        from splitrun.telemetry.mlflow_server import MLflowServer

        experiment = self.experiment or os.environ.get("MLFLOW_EXPERIMENT_NAME")
        return MLflow(MLflowServer(tracking_uri), tracking_uri, experiment)
