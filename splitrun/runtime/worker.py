"""The interpreter: a worker runs its role's program, one instruction after the other.

What only a bottom or only the top does is in `bottom` and `top`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from splitrun.data import Batch, Feed
from splitrun.errors import Damaged, Misaligned, NonFiniteWeights, RunFailed, one_line
from splitrun.events import Emit, Executed, Phase
from splitrun.model import Stage, State, Tensors
from splitrun.plan import ComputeEmulation, Instruction, Op, Plan, Program, Role
from splitrun.runtime.channel import ChannelClosed, Receiver, Sender
from splitrun.runtime.clock import now, wait_until
from splitrun.runtime.cpu_pin import CpuPin

Slice = tuple[Phase, int, int]
"""Phase, step and micro-batch: what a message or an activation belongs to."""

Action = Callable[[Instruction], None]


Collect = Callable[[str, int, Callable[[], State]], None]
"""Takes a copy of a role's state after so many steps, in the role's thread; returns soon."""


@dataclass(frozen=True)
class StartPoint:
    """Where a run begins: at its first step, or at a checkpoint's, with stages of its state."""

    step: int = 0
    epoch_loss: float = 0.0
    """The top's sum over the epoch that the step is in."""
    collect: Collect | None = None
    """Without it, a checkpoint is a drain and nothing more."""


FROM_THE_START = StartPoint()

WORK = (Op.FORWARD, Op.LOSS, Op.BACKWARD, Op.UPDATE)
"""What hardware can be emulated for."""
_MARGIN = 2
"""Times as long as loading last took: what a wait must have left for a batch to be loaded in it."""
_LATER = 0.25
"""Of such a wait passes first: at its beginning, roles that the same message has set going want
Python's lock."""


class Emulation(Protocol):
    """Says how long an instruction lasts from its start, given how long its work took."""

    def lasts(self, op: Op, elapsed_s: float, /) -> float:
        """In seconds."""


@dataclass(frozen=True)
class RoleChannels:
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
        channels: RoleChannels,
        emit: Emit,
        beginning: StartPoint,
    ) -> None:
        self.role = role
        self.channels = channels
        self._name = role.name
        self._plan = plan
        self._feed = feed
        self._emit = emit
        self.stopped = threading.Event()
        self.emulation: Emulation | None = ComputeEmulation(role.compute) if role.compute else None
        self.cpu_pin: CpuPin | None = None
        self.doing: Instruction | None = None
        """What it is at; any thread may look."""
        self._batches: dict[tuple[Phase, int], Batch] = {}
        self._ahead: dict[int, Batch] = {}
        """The next training step's, loaded while emulated hardware was waited for."""
        self._next_load = beginning.step
        self._load_s = 0.0
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
        """Run the whole program in a thread of its own.

        Raises:
            RunFailed: naming role, instruction and batch.
            ChannelClosed: another role failed, or the run was stopped.
        """
        if self.cpu_pin is not None:
            self.cpu_pin.take()
        for instruction in self.program():
            self.execute(instruction)

    def stop(self) -> None:
        """Close the role's channels and wake it, from any thread."""
        self.stopped.set()
        for sender in self.channels.senders.values():
            sender.close()
        for receiver in self.channels.receivers.values():
            receiver.close()

    def ready(self, instruction: Instruction) -> bool:
        """Whether the instruction can run without waiting for another role to run first."""
        op, _, _, peer, _ = instruction
        if not peer:
            return True
        return (self.channels.receivers if op is Op.RECV else self.channels.senders)[peer].ready()

    def execute(self, instruction: Instruction) -> None:
        """Run one instruction, for as long as emulated hardware would take, and tell of it.

        Raises:
            RunFailed: naming role, instruction and batch.
            ChannelClosed: another role failed, or the run was stopped.
        """
        op, step, micro, peer, phase = instruction
        self.doing = instruction
        start = end = now()
        try:
            self._actions[op](instruction)
            if self.emulation is not None:
                end = self._emulated(self.emulation, op, start)
        except (ChannelClosed, RunFailed):
            raise
        except (Exception, SystemExit) as error:
            raise RunFailed(self._name, str(instruction), one_line(error)) from error
        if end > start:
            wait_until(end, self.stopped)
        late = self._stage.staleness if op is Op.UPDATE else 0
        self._emit(Executed(self._name, op, phase, step, micro, start, now(), late, peer))
        self.doing = None

    def can(self, op: Op) -> bool:
        """Whether its programs may have such instructions."""
        return op in self._actions

    def surround(self, op: Op, around: Callable[[Action], Action]) -> None:
        """Let the instructions of a kind run as `around` makes it of how they run now."""
        self._actions[op] = around(self._actions[op])

    def _load(self, instruction: Instruction) -> None:
        phase, step = instruction.phase, instruction.step
        if phase == "train":
            self._next_load = step + 1
            if step in self._ahead:
                self._batches[phase, step] = self._ahead.pop(step)
                return
        start = now()
        self._batches[phase, step] = self._feed.load(phase, step)
        self._load_s = now() - start

    def _emulated(self, emulation: Emulation, op: Op, start: float) -> float:
        """When an instruction ends on emulated hardware that has been worked out by now."""
        worked_s = now() - start
        lasts_s = emulation.lasts(op, worked_s)
        if self.cpu_pin is not None and op in WORK:
            self.cpu_pin.note(worked_s, lasts_s)
        self._load_ahead(start + lasts_s)
        return start + lasts_s

    def _load_ahead(self, end: float) -> None:
        """Load the next training batch, if there is time for it until `end`: whoever computes on an
        accelerator has a processor to spare. No more batches are held than the plan counts. An
        epoch's first batch, which may take longer, waits for its turn."""
        step = self._next_load
        if step in self._ahead or len(self._batches) > self.role.depth:
            return
        if step >= self._plan.steps or not step % self._plan.steps_per_epoch:
            return
        left_s = end - now()
        has_time = left_s > _MARGIN * self._load_s > 0
        if has_time and wait_until(end - (1 - _LATER) * left_s, self.stopped):
            self._ahead[step] = self._feed.load("train", step)

    def _send(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        tensors = self._outgoing.pop((peer, (phase, step, micro)))
        digest = self._batches[phase, step].digest
        self.channels.senders[peer].send(phase, step, micro, digest, tensors)
        if phase == "evaluate":
            del self._batches[phase, step]

    def _receive(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        message = self.channels.receivers[peer].receive()
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
            if odd := self._stage.odd_value():
                raise NonFiniteWeights(self._name, str(instruction), odd)
            self._beginning.collect(self._name, instruction.step, self._state)

    def _state(self) -> State:
        return self._stage.state()
