"""The interpreter: a worker runs its role's program, one instruction after the other."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from splitrun.data import Batch, Feed
from splitrun.errors import Damaged, Misaligned, NonFiniteLoss, RunFailed, told
from splitrun.events import Emit, EpochDone, Evaluated, Executed, Phase, StepDone
from splitrun.model import BottomStage, Stage, State, Tensors, TopStage
from splitrun.plan import Instruction, Op, Pace, Plan, Program, Role
from splitrun.runtime.channel import ChannelClosed, Receiver, Sender
from splitrun.runtime.clock import now, wait_until

Slice = tuple[Phase, int, int]
"""Phase, step and micro-batch: what a message or an activation belongs to."""

Action = Callable[[Instruction], None]

Score = Callable[[Tensor, Tensor], dict[str, float | None]]
"""(the top's outputs, labels) over all held-out rows -> metrics by name."""


Collect = Callable[[str, int, State], None]
"""Takes a role's state after so many steps, in the role's thread; returns soon."""


@dataclass(frozen=True)
class Beginning:
    """Where a run begins: at its first step, or at a checkpoint's, with stages of its state."""

    step: int = 0
    epoch_loss: float = 0.0
    """The top's sum over the epoch that the step is in."""
    collect: Collect | None = None
    """Without it, a checkpoint is a drain and nothing more."""


FROM_THE_START = Beginning()


class Paced(Protocol):
    """Says how long an instruction lasts from its start, given how long its work took."""

    def lasts(self, op: Op, elapsed_s: float) -> float:
        """In seconds."""


@dataclass(frozen=True)
class Ends:
    """A role's ends of its channels, by the role at the other end."""

    senders: Mapping[str, Sender]
    receivers: Mapping[str, Receiver]


class Worker:
    """Runs one role's program.

    What bottoms and the top do alike is here: batches are loaded, slices are sent and received, and
    a message must belong to the slice that the program expects, with the same samples in it.
    """

    def __init__(
        self,
        plan: Plan,
        role: Role,
        stage: Stage,
        feed: Feed,
        ends: Ends,
        emit: Emit,
        beginning: Beginning,
    ) -> None:
        self.role = role
        self.ends = ends
        self._name = role.name
        self._plan = plan
        self._feed = feed
        self._emit = emit
        self.stopped = threading.Event()
        self.pace: Paced | None = Pace(role.compute) if role.compute else None
        self.doing: Instruction | None = None
        """What it is at; any thread may look."""
        self._batches: dict[tuple[Phase, int], Batch] = {}
        self._outgoing: dict[tuple[str, Slice], Tensors] = {}
        self._incoming: dict[tuple[str, Slice], Tensors] = {}
        self._actions: dict[Op, Action] = {
            Op.LOAD: self._load,
            Op.SEND: self._send,
            Op.RECV: self._receive,
            Op.UPDATE: self._update,
            Op.DRAIN: self._drain,
            Op.CHECKPOINT: self._checkpoint,
        }
        self._stage = stage
        self._beginning = beginning

    def program(self) -> Program:
        """What the role has to do."""
        return self._plan.program(self.role, self._beginning.step)

    def run(self) -> None:
        """Run the whole program.

        Raises:
            RunFailed: naming role, instruction and batch.
            ChannelClosed: another role failed, or the run was stopped.
        """
        for instruction in self.program():
            self.execute(instruction)

    def stop(self) -> None:
        """Close the role's channels and wake it, from any thread."""
        self.stopped.set()
        for sender in self.ends.senders.values():
            sender.close()
        for receiver in self.ends.receivers.values():
            receiver.close()

    def ready(self, instruction: Instruction) -> bool:
        """Whether the instruction can run without waiting for another role to run first."""
        op, _, _, peer, _ = instruction
        if not peer:
            return True
        return (self.ends.receivers if op is Op.RECV else self.ends.senders)[peer].ready()

    def execute(self, instruction: Instruction) -> None:
        """Run one instruction, for as long as emulated hardware would take, and tell of it.

        Raises:
            RunFailed: naming role, instruction and batch.
            ChannelClosed: another role failed, or the run was stopped.
        """
        op, step, micro, _, phase = instruction
        self.doing = instruction
        start = now()
        try:
            self._actions[op](instruction)
        except (ChannelClosed, RunFailed):
            raise
        except (Exception, SystemExit) as error:
            raise RunFailed(self._name, str(instruction), told(error)) from error
        if self.pace is not None:
            wait_until(start + self.pace.lasts(op, now() - start), self.stopped)
        late = self._stage.late if op is Op.UPDATE else 0
        self._emit(Executed(self._name, op, phase, step, micro, start, now(), late))
        self.doing = None

    def can(self, op: Op) -> bool:
        """Whether its programs may have such instructions."""
        return op in self._actions

    def surround(self, op: Op, around: Callable[[Action], Action]) -> None:
        """Let the instructions of a kind run as `around` makes it of how they run now."""
        self._actions[op] = around(self._actions[op])

    def _load(self, instruction: Instruction) -> None:
        phase, step = instruction.phase, instruction.step
        self._batches[phase, step] = self._feed.load(phase, step)

    def _send(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        tensors = self._outgoing.pop((peer, (phase, step, micro)))
        digest = self._batches[phase, step].digest
        self.ends.senders[peer].send(phase, step, micro, digest, tensors)
        if phase == "evaluate":
            del self._batches[phase, step]

    def _receive(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        message = self.ends.receivers[peer].receive()
        if not message.is_sound:
            raise Damaged(
                self.role.name,
                str(instruction),
                f"over {peer}->{self.role.name} came another message than was sent: "
                "its checksum differs",
            )
        if message[:3] != (phase, step, micro):
            got = f"{message.phase} {message.step}.{message.micro}"
            raise Misaligned(self.role.name, str(instruction), f"{peer} sent {got} instead")
        if message.digest != self._batches[phase, step].digest:
            raise Misaligned(
                self.role.name,
                str(instruction),
                f"{peer} and {self.role.name} have different samples in this batch "
                f"({message.digest.hex()} and {self._batches[phase, step].digest.hex()}); "
                "their rows or their batch order disagree",
            )
        self._incoming[peer, (phase, step, micro)] = message.tensors

    def _update(self, instruction: Instruction) -> None:
        self._stage.update()
        del self._batches["train", instruction.step]

    def _drain(self, _: Instruction) -> None:
        if self._batches or self._outgoing or self._incoming:
            raise RuntimeError("something is still in flight")

    def _checkpoint(self, instruction: Instruction) -> None:
        if self._beginning.collect is not None:
            self._beginning.collect(self._name, instruction.step, self._state())

    def _state(self) -> State:
        return self._stage.state()


class BottomWorker(Worker):
    """Runs a bottom's program."""

    def __init__(
        self,
        plan: Plan,
        role: Role,
        stage: BottomStage,
        feed: Feed,
        ends: Ends,
        emit: Emit,
        beginning: Beginning,
    ) -> None:
        super().__init__(plan, role, stage, feed, ends, emit, beginning)
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
