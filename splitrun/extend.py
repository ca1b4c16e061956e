"""The contract for packages that extend splitrun: all that they need, and nothing else of it.

A package offers a component, a class of one of the kinds below, by an entry point of the group
`splitrun.<kind>`. See `docs/extending.md`, which has an example of each.

    kind            extends                                 makes
    sources         DatasetSection or FileDatasetSection    open(Opening) -> Source
    losses          LossSection                             mean, per_row, predictions
    bottoms         ModelSection                            build(InputShape, directory) -> Module
    compensation    RuleSection                             prepare, lr_factor, follow, correct, …
    hooks           HookSection                             build() -> Hook
    sinks           SinkSection                             build() -> Sink

Importing this imports no PyTorch, so that specs are checked without waiting for it. What needs it
is imported when it is first used: take it from here where a component makes its thing.

Within one `API` names are added and none is changed or removed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.components import API
from splitrun.data.sources import Opening, Source
from splitrun.errors import DataError, ModelError, Path, Problem
from splitrun.events import (
    EpochDone,
    Evaluated,
    Event,
    Executed,
    LinkMeasured,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    Sink,
    StepDone,
)
from splitrun.lazy import imported_on_use
from splitrun.spec import Spec
from splitrun.spec.contracts import (
    HookSection,
    ModelSection,
    MoveWeights,
    OptimizerSection,
    Recipe,
    RuleSection,
    SinkSection,
)
from splitrun.spec.datasets import DatasetSection, FileDatasetSection
from splitrun.spec.measures import Labels, LossSection, Metric
from splitrun.spec.section import Section

if TYPE_CHECKING:
    from splitrun.data.encoding import InputShape
    from splitrun.data.table import Categories, Column, Table
    from splitrun.plan import Channel, Instruction, Op
    from splitrun.runtime import Hook, Message, RoleContext, RoleHook
    from splitrun.runtime.job import Receive, Run, Send

__all__ = [
    "API",
    "Categories",
    "Channel",
    "Column",
    "DataError",
    "DatasetSection",
    "EpochDone",
    "Evaluated",
    "Event",
    "Executed",
    "FileDatasetSection",
    "Hook",
    "HookSection",
    "InputShape",
    "Instruction",
    "Labels",
    "LinkMeasured",
    "LossSection",
    "Message",
    "Metric",
    "ModelError",
    "ModelSection",
    "MoveWeights",
    "Op",
    "Opening",
    "OptimizerSection",
    "Path",
    "Problem",
    "Receive",
    "Recipe",
    "RoleContext",
    "RoleHook",
    "RuleSection",
    "Run",
    "RunEnded",
    "RunStarted",
    "Sampled",
    "Section",
    "Send",
    "Sent",
    "Sink",
    "SinkSection",
    "Source",
    "Spec",
    "StepDone",
    "Table",
]

__getattr__ = imported_on_use(
    __name__,
    {
        "InputShape": "splitrun.data.encoding",
        **dict.fromkeys(("Categories", "Column", "Table"), "splitrun.data.table"),
        **dict.fromkeys(("Channel", "Instruction", "Op"), "splitrun.plan"),
        **dict.fromkeys(("Hook", "Message", "RoleContext", "RoleHook"), "splitrun.runtime"),
        **dict.fromkeys(("Receive", "Run", "Send"), "splitrun.runtime.job"),
    },
)
