"""One run: data, models, plan, runtime, run directory."""

from splitrun.session.evaluate import Evaluation, evaluate_run
from splitrun.session.inputs import Inputs
from splitrun.session.predict import Predicted, predict
from splitrun.session.predictions import Predictions
from splitrun.session.prepare import Experiment, forecast, is_advised, prepare
from splitrun.session.resume import (
    Resume,
    accept,
    find_restart,
    find_resume,
    prepare_resume,
    supervised,
)
from splitrun.session.run_directory import RunDirectory
from splitrun.session.train import train

__all__ = [
    "Evaluation",
    "Experiment",
    "Inputs",
    "Predicted",
    "Predictions",
    "Resume",
    "RunDirectory",
    "accept",
    "evaluate_run",
    "find_restart",
    "find_resume",
    "forecast",
    "is_advised",
    "predict",
    "prepare",
    "prepare_resume",
    "supervised",
    "train",
]
