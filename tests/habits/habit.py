"""One habit of users' modules: where it was met, and what is right for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["bottom", "top"]
Inputs = Literal["one_hot", "codes"]
Stash = Literal["deepcopy", "twin", "build"]
Optimizer = Literal["adam", "sgd", "adagrad", "sparse_adam"]


@dataclass(frozen=True)
class Habit:
    """A module of `tests/habits/modules`, and the right outcome of training it in each way.

    An outcome is "equal" (the same weights as the reference, bit for bit; under `microbatch` up to
    the order of sums), or how the run is to end: "refused PATTERN" (before its first step) or
    "caught PATTERN" (during training), with a regular expression that the message matches.
    """

    module: str
    """"theme:Class", the class in tests/habits/modules/theme.py."""
    source: str
    """"owner/repo#123: what it does there", "owner/repo path", or "splitrun: found in review"."""
    twin: bool = False
    """The class takes twin=True, which turns the habit off without changing the mathematics."""
    draws: bool = False
    """It draws random numbers in its training forward."""
    keeps_state: bool = False
    """Python state outside parameters and buffers changes from forward to forward."""
    sequential: str = "equal"
    microbatch: str = "equal"
    stale: str = "equal"
    resume: str = "equal"
    """Of a run with checkpoints, stopped and resumed."""
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    """Of the constructor; one called `begins` says at which training forward the habit begins."""
    role: Role = "bottom"
    """Where the module stands."""
    inputs: Inputs = "one_hot"
    """With "codes" it is called as forward(numeric, codes); its constructor may take the shape."""
    stash: Stash = "deepcopy"
    """How the reference copies it: deeply; deeply, but the twin in its place throughout; or built
    again, with the tensors and simple attributes of the live one (hooks on weights need that)."""
    fails_before: bool = False
    """It failed on the code before this issue (commit 5aa627b), shown by running it."""
    optimizer: Optimizer = "adam"
    """Of this role alone; the others have Adam."""

    def __str__(self) -> str:
        """What tests and tables call it; one class may be several habits."""
        others = [f"{key}={value}" for key, value in self.kwargs.items()]
        if self.optimizer != "adam":
            others.append(self.optimizer)
        return f"{self.module}({', '.join(others)})" if others else self.module

    @property
    def trained_role(self) -> str:
        """The role that has the habit."""
        return "alice.top" if self.role == "top" else "bob.bottom"

    @property
    def theme(self) -> str:
        return self.module.partition(":")[0]

    @property
    def name(self) -> str:
        return self.module.partition(":")[2]
