"""Modules, their optimizers, weight versions, losses and metrics: everything a role computes.

What is offered here is imported when it is first used: the sections of a spec are in this package,
too, and a validation starts without PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.lazy import imported_on_use

if TYPE_CHECKING:
    from splitrun.model.bottom_stage import BottomStage
    from splitrun.model.build import refused, section_of
    from splitrun.model.classification import classification
    from splitrun.model.measures import LOSS, loss_of, metric_place, own_figures, try_measures
    from splitrun.model.metrics import Figure, evaluate
    from splitrun.model.role_model import (
        Cuts,
        RoleModel,
        bottom_model,
        check_output,
        made_up,
        refuse_sharing,
        top_model,
    )
    from splitrun.model.role_optimizer import RoleOptimizer
    from splitrun.model.stage import Stage
    from splitrun.model.state import (
        Finite,
        State,
        Tensors,
        as_tensors,
        digest_of,
        extra_states,
        fill,
        is_finite,
        named_tensors,
        parameters_of,
        set_extra_states,
        tensor_bytes,
        weights_sha256,
    )
    from splitrun.model.threads import intra_op_threads
    from splitrun.model.top_stage import TopStage, fuse

__all__ = [
    "LOSS",
    "BottomStage",
    "Cuts",
    "Figure",
    "Finite",
    "RoleModel",
    "RoleOptimizer",
    "Stage",
    "State",
    "Tensors",
    "TopStage",
    "as_tensors",
    "bottom_model",
    "check_output",
    "classification",
    "digest_of",
    "evaluate",
    "extra_states",
    "fill",
    "fuse",
    "intra_op_threads",
    "is_finite",
    "loss_of",
    "made_up",
    "metric_place",
    "named_tensors",
    "own_figures",
    "parameters_of",
    "refuse_sharing",
    "refused",
    "section_of",
    "set_extra_states",
    "tensor_bytes",
    "top_model",
    "try_measures",
    "weights_sha256",
]

_MEASURES = ("LOSS", "loss_of", "metric_place", "own_figures", "try_measures")

_ROLE_MODEL = (
    "Cuts",
    "RoleModel",
    "bottom_model",
    "check_output",
    "made_up",
    "refuse_sharing",
    "top_model",
)
_STATE = (
    "Finite",
    "State",
    "Tensors",
    "as_tensors",
    "digest_of",
    "extra_states",
    "fill",
    "is_finite",
    "named_tensors",
    "parameters_of",
    "set_extra_states",
    "tensor_bytes",
    "weights_sha256",
)
__getattr__ = imported_on_use(
    __name__,
    {
        "BottomStage": ".bottom_stage",
        **dict.fromkeys(("refused", "section_of"), ".build"),
        "classification": ".classification",
        **dict.fromkeys(_MEASURES, ".measures"),
        **dict.fromkeys(("Figure", "evaluate"), ".metrics"),
        **dict.fromkeys(_ROLE_MODEL, ".role_model"),
        "RoleOptimizer": ".role_optimizer",
        "Stage": ".stage",
        **dict.fromkeys(_STATE, ".state"),
        "intra_op_threads": ".threads",
        **dict.fromkeys(("TopStage", "fuse"), ".top_stage"),
    },
)
