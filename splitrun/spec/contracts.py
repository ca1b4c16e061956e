"""What each kind of component is asked: the base of its section, which checks and makes its thing;
those of losses and metrics are in `measures`.

What of a component ties several keys of a spec together it checks itself (`problems`), and what it
stands for it makes itself. PyTorch, NumPy and pandas are imported where something is made, so that
a spec is checked without them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from splitrun.errors import Path
from splitrun.spec.section import (
    CLASS_TAG,
    Component,
    NonNegativeInt,
    PositiveFloat32,
    WordOrSection,
)

if TYPE_CHECKING:
    from torch import Tensor, nn, optim

    from splitrun.data import InputShape
    from splitrun.events import Sink
    from splitrun.runtime import Hook


class ModelSection(Component):
    """What a bottom or the top computes."""

    is_own: ClassVar[bool] = False
    """Whether it is one of splitrun's own, all of whose habits are known. Others are tried out
    before they are trained, and looked at while they are."""

    @abstractmethod
    def build(self, inputs: InputShape, directory: FilePath) -> nn.Module:
        """A new module in training mode. Its initial weights are drawn from PyTorch's, NumPy's and
        Python's global generators alone, which are seeded for it.

        Args:
            inputs: what its forward is given: a party's columns or, of a top, the fused cuts.
            directory: the spec's.
        """

    def load(self, directory: FilePath) -> None:
        """Import what `build` needs; random numbers that this draws are no initial weights."""

    @property
    def takes(self) -> Literal["one_hot", "codes"]:
        """What a bottom's forward is given: one float32 matrix `[rows, inputs.width]` with one-hot
        categories, or a float32 matrix of the numeric columns and int64 codes `[rows, c]`."""
        return "one_hot"

    @property
    def width(self) -> int | None:
        """The width of its output; None where only the module tells."""
        return None

    @property
    def width_key(self) -> Path:
        """The key that states the width, if one does."""
        return ()

    @property
    def may_be_sparse(self) -> bool:
        """Whether some of its gradients may be sparse."""
        return not self.is_own

    @property
    def class_path(self) -> str | None:
        """`package.module:Class` of code that the spec itself brings, if it brings any."""
        return None

    @property
    def title(self) -> str:
        """What messages call it: its class, or its type."""
        return self.class_path or self.type

    @property
    def key(self) -> str:
        """The key of its section that tells what it is."""
        return "type" if self.class_path is None else CLASS_TAG

    def unfit(self, inputs: InputShape) -> tuple[str, str] | None:  # noqa: ARG002
        """Why it cannot be built for such inputs, and the remedy."""
        return None


class OptimizerSection(Component):
    """A `torch.optim` optimizer; unset options keep PyTorch's defaults."""

    lr: PositiveFloat32 = Field(0.001, description="Learning rate.")

    states: ClassVar[int]
    """Tensors of a weight's shape that it keeps for each, any momentum aside."""

    @property
    def memory(self) -> Literal["none", "velocity", "moments", "other"]:
        """What it remembers of earlier gradients: nothing, their velocity as SGD with momentum,
        their two moments as Adam, or something that compensation rules do not know."""
        return "other"

    @property
    def is_fused(self) -> bool:
        """Whether a step is one kernel, which writes weights behind autograd's back."""
        return False

    @property
    def looks_ahead(self) -> bool:
        """Whether its momentum is Nesterov's."""
        return False

    @property
    def state_tensors(self) -> int:
        """Tensors of a weight's shape that it keeps for each."""
        return self.states

    @property
    def refuses_sparse(self) -> str | None:
        """Why it cannot take sparse gradients, if it cannot; as of PyTorch 2."""
        return f"{self.type} takes no sparse gradients"

    @property
    def fitting_rules(self) -> tuple[str, ...]:
        """The compensation rules that `auto` stands for."""
        return ("discount",)

    @abstractmethod
    def make(
        self, parameters: list[nn.Parameter], sparse: Collection[Tensor], recipe: Recipe
    ) -> list[optim.Optimizer]:
        """Optimizers of a role's parameters; more than one where one cannot.

        Args:
            parameters: of the role's module.
            sparse: those whose gradients are sparse.
            recipe: what compensation rules make of it.
        """


@dataclass(frozen=True)
class Recipe:
    """How an optimizer is made; compensation rules change it."""

    staleness: Callable[[int], int]
    """Of the gradient that an update applies, by the number of the update."""
    spikes: bool = False
    """Whether a late gradient is given at once what it missed of the momentum."""
    lengthens: bool = False
    """Whether the momentum reaches back a hundred updates."""


class LrScheduleSection(Component):
    """How the learning rate changes, step by step, once a warm-up is over."""

    warmup_steps: NonNegativeInt = Field(
        0,
        description="The rate first rises linearly for so many steps; the schedule begins after "
        "them, at the full rate.",
    )

    spans_run: ClassVar[bool] = False
    """Whether the rate depends on how many steps the run is to have."""

    @property
    def is_constant(self) -> bool:
        """Whether the rate is the same at every step."""
        return False

    def factor(self, step: int, steps_per_epoch: int, steps: int) -> float:
        """What the base learning rate is multiplied by for update number `step` (from 0) of
        `steps`: first the warm-up, then the schedule from its own beginning."""
        past = step - self.warmup_steps
        if past < 0:
            return (step + 1) / (self.warmup_steps + 1)
        return self.after_warmup(past, steps_per_epoch, steps - self.warmup_steps)

    @abstractmethod
    def after_warmup(self, past: int, steps_per_epoch: int, steps: int) -> float:
        """The factor `past` updates after the warm-up, after which there are `steps`."""


MoveWeights = Callable[[Sequence[Any], float], None]
"""Moves copies of weights on, in their order, by the sum of the learning rates of the updates to
come."""


class RuleSection(WordOrSection):
    """What a bottom does about gradients that come late.

    The gradient of a step is taken at the weights of its forward and applied `staleness` updates
    later. A rule may act where the optimizer is made (`prepare`), on the learning rate
    (`lr_factor`), on the weights that a forward sees (`follow`), on gradients before an update
    (`correct`), and after it (`updated`); what it does not define costs nothing.
    """

    moves_weights: ClassVar[bool] = False
    """Whether forward and backward run on weights that `follow` has moved. Then every batch in
    flight has a version of its own, of all weights that learn but embedding tables."""

    def unfit(self, optimizer: OptimizerSection) -> tuple[str, str] | None:  # noqa: ARG002
        """Why it does not go together with an optimizer, and the remedy."""
        return None

    def state_tensors(self, optimizer: OptimizerSection) -> int:  # noqa: ARG002
        """Tensors of a weight's shape that it keeps for each beside the optimizer's own."""
        return 0

    def prepare(self, recipe: Recipe) -> Recipe:
        """What it makes of the way that an optimizer is made."""
        return recipe

    def lr_factor(self, staleness: int, update: int, updates: int) -> float:  # noqa: ARG002
        """What the learning rate of update number `update` (from 0) of so many is multiplied by."""
        return 1.0

    def follow(
        self,
        optimizers: Sequence[optim.Optimizer],  # noqa: ARG002
        weights: Sequence[Tensor],  # noqa: ARG002
    ) -> MoveWeights | None:
        """What moves copies of these weights before a forward; only if it `moves_weights`."""
        return None

    def correct(self, weights: Sequence[Tensor], staleness: int) -> None:
        """Change the gradients of weights in place, before the update that applies them."""

    def updated(self, optimizers: Sequence[optim.Optimizer]) -> None:
        """Note what is needed of an update that was just made."""


class HookSection(WordOrSection):
    """What acts on a run from outside: around its instructions, and on its messages."""

    @abstractmethod
    def build(self) -> Hook:
        """A new hook, made once for every run of a plan."""


class SinkSection(WordOrSection):
    """What takes the events of a run, to show or to record them."""

    extra: ClassVar[str | None] = None
    """The extra of splitrun's that it wants installed."""

    @abstractmethod
    def build(self) -> Sink:
        """A new sink, made once for every attempt of a run; packages that it wants are imported
        here."""
