"""The interpreter of the top's program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from splitrun.data import Feed
from splitrun.errors import LOWER_THE_RATE, NonFiniteLoss
from splitrun.events import Emit, EpochDone, Evaluated, StepDone
from splitrun.model import State, Tensors, TopStage, is_finite, parameters_of
from splitrun.plan import Instruction, Op, Plan, Role
from splitrun.runtime.clock import now
from splitrun.runtime.worker import RoleChannels, Slice, StartPoint, Worker

Score = Callable[[Tensor, Tensor], dict[str, float | None]]
"""(the top's outputs, labels) over all held-out rows -> metrics by name."""


class TopWorker(Worker):
    """Runs the top's program, keeps the books of the loss, and evaluates."""

    def __init__(
        self,
        plan: Plan,
        role: Role,
        stage: TopStage,
        feed: Feed,
        channels: RoleChannels,
        emit: Emit,
        beginning: StartPoint,
        score: Score,
    ) -> None:
        super().__init__(plan, role, stage, feed, channels, emit, beginning)
        self._top = stage
        self._score = score
        self._bottoms = [bottom.name for bottom in plan.bottoms]
        self._step_loss, self._epoch_loss = 0.0, beginning.epoch_loss
        self._outputs: list[Tensor] = []
        self._labels: list[Tensor] = []
        self._evaluation_start = 0.0
        self._actions |= {
            Op.LOSS: self._loss,
            Op.PREDICT: self._predict,
            Op.EVALUATE: self._evaluate,
        }

    def _loss(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        batch = self._batches["train", step]
        (labels,) = batch.slice(micro, self._plan.slices(step))
        share = len(labels) / batch.rows
        cuts = self._cuts(("train", step, micro))
        loss, gradients = self._top.loss((step, micro), cuts, labels, share)
        if not math.isfinite(loss):
            raise self._not_finite(instruction, loss, cuts, labels)
        self._step_loss += share * loss
        for bottom, gradient in zip(self._bottoms, gradients, strict=True):
            self._outgoing[bottom, ("train", step, micro)] = gradient

    def _update(self, instruction: Instruction) -> None:
        step = instruction.step
        rows = self._batches["train", step].rows
        super()._update(instruction)
        epoch = step // self._plan.steps_per_epoch
        self._emit(StepDone(step, epoch, rows, self._step_loss, now()))
        self._epoch_loss += self._step_loss * rows / self._plan.facts.train_rows
        self._step_loss = 0.0
        if (step + 1) % self._plan.steps_per_epoch == 0:
            self._emit(EpochDone(epoch, self._epoch_loss, now()))
            self._epoch_loss = 0.0

    def _predict(self, instruction: Instruction) -> None:
        step = instruction.step
        if step == 0:
            self._evaluation_start = now()
        self._labels.extend(self._batches.pop(("evaluate", step)).tensors)
        cuts = self._cuts(("evaluate", step, 0))
        output = self._top.predict(step, cuts)
        if not is_finite(output):
            raise self._not_finite(instruction, math.nan, cuts)
        self._outputs.append(output)

    def _evaluate(self, instruction: Instruction) -> None:
        labels = torch.cat(self._labels)
        metrics = self._score(torch.cat(self._outputs), labels)
        self._outputs, self._labels = [], []
        steps = instruction.step
        epochs = steps // self._plan.steps_per_epoch
        self._emit(Evaluated(steps, epochs, len(labels), metrics, self._evaluation_start, now()))

    def _state(self) -> State:
        return {**super()._state(), "epoch_loss": self._epoch_loss}

    def _cuts(self, part: Slice) -> list[Tensors]:
        return [self._incoming.pop((bottom, part)) for bottom in self._bottoms]

    def _not_finite(
        self, at: Instruction, loss: float, cuts: Sequence[Tensors], labels: Tensor | None = None
    ) -> NonFiniteLoss:
        """The error that names the likely culprit, whose values stopped being finite first, and
        what helps: before any update, no other learning rate does."""
        for role, cut in zip(self._plan.bottoms, cuts, strict=True):
            if not all(map(is_finite, cut)):
                cause, remedy = (
                    "its cut is not finite, so its weights have diverged",
                    LOWER_THE_RATE,
                )
                if not self._was_updated(role, at):
                    cause = f"its cut is not finite {_when(at)}"
                    remedy = (
                        "look for huge numbers in its columns, which "
                        f"parties.{role.party}.scaling makes small, and check its forward()"
                    )
                return NonFiniteLoss(role.name, str(at), f"the loss is {loss}: {cause}; {remedy}")
        if not all(map(is_finite, parameters_of(self._top.module).values())):
            cause, remedy = "its weights have diverged", LOWER_THE_RATE
        elif self._was_updated(self._plan.top, at):
            cause, remedy = "every cut and weight is finite, so it overflowed", LOWER_THE_RATE
        else:
            cause, remedy = self._why_at_first(at, cuts, labels)
        return NonFiniteLoss(self.role.name, str(at), f"the loss is {loss}: {cause}; {remedy}")

    def _was_updated(self, role: Role, at: Instruction) -> bool:
        """Whether training has changed the weights that its values there come from."""
        if at.phase == "evaluate":
            return self._plan.steps > 0
        if role is self._plan.top:
            return at.step > 0
        return self._plan.version(role, at.step) > 0

    def _why_at_first(
        self, at: Instruction, cuts: Sequence[Tensors], labels: Tensor | None
    ) -> tuple[str, str]:
        """Cause and remedy where weights, as they began, and cuts are finite."""
        if labels is not None and not is_finite(labels):
            return "a label is not finite", "mend the label's column"
        output = self._top.predict(at.step, cuts)
        if not is_finite(output):
            return (
                f"the output is not finite {_when(at)}, though all that it is made of is",
                "check the top's forward()",
            )
        reaches = f"outputs reach {_reach(output)}"
        if labels is not None and labels.is_floating_point():
            reaches += f" and labels {_reach(labels)}"
        return (
            f"it overflowed {_when(at)}: {reaches}",
            "scale the labels, or the models' outputs, down",
        )


def _when(at: Instruction) -> str:
    return "before any update" if at.phase == "train" else "at the saved weights"


def _reach(tensor: Tensor) -> str:
    return f"{tensor.abs().max().item():.3g}"
