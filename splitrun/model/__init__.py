"""Modules, their optimizers, weight versions, losses and metrics: everything a role computes."""

from splitrun.model.assemble import Models, assemble
from splitrun.model.bottom_stage import BottomStage
from splitrun.model.build import section_of
from splitrun.model.finite import Finite, is_finite, refuse_odd_weights
from splitrun.model.loss import predictions
from splitrun.model.metrics import default_metrics, evaluate
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.stage import Stage
from splitrun.model.state import (
    State,
    extra_states,
    fill,
    named_tensors,
    parameters_of,
    set_extra_states,
    tensor_bytes,
)
from splitrun.model.tensors import Tensors
from splitrun.model.top_stage import TopStage

__all__ = [
    "BottomStage",
    "Finite",
    "Models",
    "RoleOptimizer",
    "Stage",
    "State",
    "Tensors",
    "TopStage",
    "assemble",
    "default_metrics",
    "evaluate",
    "extra_states",
    "fill",
    "is_finite",
    "named_tensors",
    "parameters_of",
    "predictions",
    "refuse_odd_weights",
    "section_of",
    "set_extra_states",
    "tensor_bytes",
]
