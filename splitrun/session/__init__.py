"""One run: data, models, plan, runtime, run directory."""

from splitrun.session.evaluate import Evaluation, evaluate_run
from splitrun.session.forecast import forecast
from splitrun.session.prepare import Experiment, prepare
from splitrun.session.resume import Resume, find_resume, prepare_resume, refuse_other_spec
from splitrun.session.run_directory import RunDirectory
from splitrun.session.train import Result, train

__all__ = [
    "Evaluation",
    "Experiment",
    "Result",
    "Resume",
    "RunDirectory",
    "evaluate_run",
    "find_resume",
    "forecast",
    "prepare",
    "prepare_resume",
    "refuse_other_spec",
    "train",
]
