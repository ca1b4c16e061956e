"""The interpreter of the top's program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from splitrun.data import Feed
from splitrun.errors import NonFiniteLoss
from splitrun.events import Emit, EpochDone, Evaluated, StepDone
from splitrun.model import State, Tensors, TopStage
from splitrun.plan import Instruction, Op, Plan, Role
from splitrun.runtime.clock import now
from splitrun.runtime.worker import Beginning, Ends, Slice, Worker

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
        ends: Ends,
        emit: Emit,
        beginning: Beginning,
        score: Score,
    ) -> None:
        super().__init__(plan, role, stage, feed, ends, emit, beginning)
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
            raise self._not_finite(instruction, loss, cuts)
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
        if not bool(output.isfinite().all()):
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

    def _not_finite(self, at: Instruction, loss: float, cuts: Sequence[Tensors]) -> NonFiniteLoss:
        """The error that names the likely culprit: whose values stopped being finite first."""
        remedy = "a lower learning rate (training.optimizer.lr) is the usual remedy"
        for role, cut in zip(self._plan.bottoms, cuts, strict=True):
            if not all(bool(tensor.isfinite().all()) for tensor in cut):
                cause = "its cut is not finite, so its weights have diverged"
                if at.phase == "train" and not self._plan.version(role, at.step):
                    cause = "its cut is not finite before any update"
                    remedy = "check its forward() and its inputs"
                return NonFiniteLoss(role.name, str(at), f"the loss is {loss}: {cause}; {remedy}")
        cause = "every cut and weight is finite, so it overflowed"
        if not all(bool(weight.isfinite().all()) for weight in self._top.module.parameters()):
            cause = "its weights have diverged"
        return NonFiniteLoss(self.role.name, str(at), f"the loss is {loss}: {cause}; {remedy}")
