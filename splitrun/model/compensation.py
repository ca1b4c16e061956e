"""What a bottom does about gradients that come late: small rules on its optimizer's state.

The gradient of batch t is taken at the weights of the batch's forward and applied D updates later.
D is its staleness: depth - 1 once the pipeline is full, fewer in the fill after a drain. η is the
learning rate, η_k that of update k, w the weights, g a gradient, m SGD's momentum, v its velocity.

`weight_prediction`: forward and backward of batch t run at the weights that its gradient is to be
applied to, as far as they can be foreseen (SpecTrain: Chen, Yang and Cheng 2018; with Adam, XPipe:
Guan, Yin, Li and Lu 2019),

    ŵ = w - (η_{t-D} + … + η_{t-1}) · u

where u is the direction that the optimizer took last: m̂ / (√v̂ + ε) of Adam and AdamW, the velocity
of SGD with momentum, the last gradient of SGD without. Weight decay that is not in these is left
out. Adam's u is bounded by itself; with SGD no tensor is moved by more than half its norm.
Embedding tables and frozen weights are not predicted, since versions of a table would be copies.

`spike`: SGD with momentum gives a late gradient at once what it missed of the velocity (Kosson,
Chiley, Venigalla, Hestness and Köster 2021, "Pipelined Backpropagation at Scale"),

    v ← m·v + g        w ← w - η · (m^D · v + (1 - m^D) / (1 - m) · g)

and for Adam and AdamW, with the mean m of its gradients in the place of the velocity, likewise

    w ← w - η · (β₁^D · m̂ + (1 - β₁^D) · g) / (√v̂ + ε)

`long_momentum`: the mean or the velocity reaches back a hundred updates, beside which a delay is
short (a β of 0.99, as Ajanthan, Ramasinghe, Zuo, Avraham and Long 2025 use it with Nesterov's
method). Adam's comes to it gradually, so that a young run is not held back by its first
gradients: at update t, from 1,

    β₁ ← max(β₁, min(0.99, 1 - 5/t)),

with m̂ corrected by the product of the β₁ until then. SGD has m ← max(m, 0.99) from the start, at
the same η / (1 - m).

`discount`: the learning rate is divided by the delay, and by ever less of it over the first quarter
of the run's T updates (T1 of PipeMare: Yang, Zhang, Li, Ré, Aberger and De Sa 2021),

    η_t ← η_t / max(1, D)^(1 - min(1, t / (T/4)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal

from splitrun.spec.contracts import MoveWeights, OptimizerSection, Recipe, RuleSection

if TYPE_CHECKING:
    from torch import Tensor, optim


class WeightPrediction(RuleSection):
    """Forward and backward run at the weights that the gradient is going to be applied to."""

    moves_weights: ClassVar[bool] = True

    type: Literal["weight_prediction"]

    def unfit(self, optimizer: OptimizerSection) -> tuple[str, str] | None:
        """Adagrad and RMSprop."""
        if optimizer.memory != "other":
            return None
        what = f"where {optimizer.type} is going is not known here"
        return what, "use auto or discount, or another optimizer, such as adam"

    def state_tensors(self, optimizer: OptimizerSection) -> int:
        """The last gradient, where nothing else tells where the weights are going."""
        return int(optimizer.memory == "none")

    def follow(
        self, optimizers: Sequence[optim.Optimizer], weights: Sequence[Tensor]
    ) -> MoveWeights:
        """Along the direction that each optimizer took last."""
        from splitrun.model.late_gradients import Prediction

        return Prediction(optimizers, weights)

    def updated(self, optimizers: Sequence[optim.Optimizer]) -> None:
        """Keep the last gradients of SGD without momentum."""
        from splitrun.model.late_gradients import keep_last_gradients

        for optimizer in optimizers:
            if optimizer.defaults.get("momentum") == 0:
                keep_last_gradients(optimizer)


class _MomentumRule(RuleSection):
    """A rule on an optimizer's momentum."""

    def unfit(self, optimizer: OptimizerSection) -> tuple[str, str] | None:
        """Optimizers without a momentum that is known here, and fused steps."""
        if optimizer.memory == "other":
            what = f"no momentum of {optimizer.type} is known here"
            return what, "use auto, or another optimizer"
        if optimizer.memory == "none":
            what = f"{optimizer.type} has no momentum here"
            return what, "set its momentum, such as 0.9, or use auto"
        if optimizer.is_fused:
            return "a fused step is always Adam's own", "set fused to false, or use auto"
        return None


class Spike(_MomentumRule):
    """A late gradient is given at once what it missed of the momentum."""

    type: Literal["spike"]

    def unfit(self, optimizer: OptimizerSection) -> tuple[str, str] | None:
        """Nesterov's momentum, too."""
        if optimizer.looks_ahead:
            what = f"{optimizer.type} with nesterov compensates one update already"
            return what, "set nesterov to false, or use auto"
        return super().unfit(optimizer)

    def prepare(self, recipe: Recipe) -> Recipe:
        """With spikes."""
        return replace(recipe, spikes=True)


class LongMomentum(_MomentumRule):
    """The momentum reaches back a hundred updates, beside which a delay is short."""

    type: Literal["long_momentum"]

    def prepare(self, recipe: Recipe) -> Recipe:
        """With a long momentum."""
        return replace(recipe, lengthens=True)


class Discount(RuleSection):
    """The learning rate is divided by the delay, ever less over the first quarter of the run."""

    type: Literal["discount"]

    def lr_factor(self, staleness: int, update: int, updates: int) -> float:
        """At most 1."""
        return float(max(1, staleness) ** (min(1.0, 4 * update / updates) - 1))
