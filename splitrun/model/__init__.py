"""Modules, their optimizers, weight versions, losses and metrics: everything a role computes."""

from splitrun.model.bottom_stage import BottomStage
from splitrun.model.build import section_of
from splitrun.model.finite import Finite, is_finite
from splitrun.model.loss import predictions
from splitrun.model.metrics import default_metrics, evaluate
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.role_model import (
    Cuts,
    RoleModel,
    bottom_model,
    check_output,
    made_up,
    refuse_sharing,
    top_model,
)
from splitrun.model.stage import Stage
from splitrun.model.state import (
    State,
    extra_states,
    fill,
    named_tensors,
    parameters_of,
    set_extra_states,
    tensor_bytes,
    weights_sha256,
)
from splitrun.model.tensors import Tensors
from splitrun.model.top_stage import TopStage

__all__ = [
    "BottomStage",
    "Cuts",
    "Finite",
    "RoleModel",
    "RoleOptimizer",
    "Stage",
    "State",
    "Tensors",
    "TopStage",
    "bottom_model",
    "check_output",
    "default_metrics",
    "evaluate",
    "extra_states",
    "fill",
    "is_finite",
    "made_up",
    "named_tensors",
    "parameters_of",
    "predictions",
    "refuse_sharing",
    "section_of",
    "set_extra_states",
    "tensor_bytes",
    "top_model",
    "weights_sha256",
]
