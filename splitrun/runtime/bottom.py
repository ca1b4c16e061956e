"""The interpreter of a bottom's program."""

from __future__ import annotations

from splitrun.data import Feed
from splitrun.events import Emit
from splitrun.model import BottomStage
from splitrun.plan import Instruction, Op, Plan, Role
from splitrun.runtime.worker import RoleChannels, StartPoint, Worker


class BottomWorker(Worker):
    """Runs a bottom's program."""

    def __init__(
        self,
        plan: Plan,
        role: Role,
        stage: BottomStage,
        feed: Feed,
        channels: RoleChannels,
        emit: Emit,
        beginning: StartPoint,
    ) -> None:
        super().__init__(plan, role, stage, feed, channels, emit, beginning)
        self._bottom = stage
        self._top = plan.top.name
        self._actions |= {
            Op.FORWARD: self._forward,
            Op.BACKWARD: self._backward,
            Op.PREDICT: self._predict,
        }

    def _forward(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        inputs = self._batches["train", step].slice(micro, self._plan.slices(step))
        cut = self._bottom.forward((step, micro), inputs)
        self._outgoing[self._top, ("train", step, micro)] = cut

    def _backward(self, instruction: Instruction) -> None:
        step, micro = instruction.step, instruction.micro
        gradients = self._incoming.pop((self._top, ("train", step, micro)))
        self._bottom.backward((step, micro), gradients)

    def _predict(self, instruction: Instruction) -> None:
        step = instruction.step
        cut = self._bottom.predict(step, self._batches["evaluate", step].tensors)
        self._outgoing[self._top, ("evaluate", step, 0)] = cut
