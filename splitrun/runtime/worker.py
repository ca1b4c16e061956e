"""The interpreter: a worker runs its role's program, one instruction after the other.

What only a bottom or only the top does is in `roles`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from splitrun.data import Batch
from splitrun.errors import LostPeer, Misaligned, NonFiniteWeights, RunFailed, one_line
from splitrun.events import Executed, Phase
from splitrun.model import State, Tensors
from splitrun.plan import ComputeEmulation, Instruction, Op, Program
from splitrun.runtime.channel import ChannelClosed, Message, ReceiverEnd, SenderEnd
from splitrun.runtime.clock import now
from splitrun.runtime.job import (
    Observer,
    Receive,
    RoleContext,
    RoleHook,
    RoleWork,
    Run,
    Send,
)
from splitrun.runtime.status import RoleStatus
from splitrun.runtime.stopping import Decision

_NO_SAMPLES = bytes(8)

Slice = tuple[Phase, int, int]
"""Phase, step and micro-batch: what a message or an activation belongs to."""


@dataclass(frozen=True)
class RoleChannels:
    """A role's ends of its channels, by the role at the other end."""

    senders: Mapping[str, SenderEnd]
    receivers: Mapping[str, ReceiverEnd]


class Worker:
    """Runs one role's program.

    What bottoms and the top do alike is here: batches are loaded, slices are sent and received, and
    a message must belong to the slice that the program expects, with the same samples in it.

    Args:
        context: the role; its event is set when the run is stopped.
        hooks: of the role, the outermost first.
    """

    def __init__(
        self,
        context: RoleContext,
        work: RoleWork,
        channels: RoleChannels,
        observer: Observer,
        hooks: Sequence[RoleHook],
    ) -> None:
        self.name = context.role.name
        self.channels = channels
        self.stage = work.stage
        self._context = context
        self._plan = context.plan
        self._loader = work.batches
        self._emit, self._collect = observer.emit, observer.collect
        self._stops = False
        self._doing: Instruction | None = None
        self._since = 0.0
        self._batches: dict[tuple[Phase, int], Batch] = {}
        self._outgoing: dict[tuple[str, Slice], Tensors] = {}
        self._incoming: dict[tuple[str, Slice], Tensors] = {}
        self._runs = self._own_runs()
        self._sends: dict[str, Send] = {peer: end.send for peer, end in channels.senders.items()}
        self._receives: dict[str, Receive] = {
            peer: end.receive for peer, end in channels.receivers.items()
        }
        for hook in reversed(hooks):
            self._put_around(hook)

    def program(self) -> Program:
        """What the role has to do, until it is decided that the run ends."""
        for instruction in self._plan.program(self._context.role, self._context.start.step):
            if self._stops and instruction.phase != "decide":
                return
            yield instruction

    def run(self, program: Iterable[Instruction]) -> None:
        """Run instructions, one after the other, and tell of each.

        Raises:
            RunFailed: naming role, instruction and batch.
            ChannelClosed: the run was stopped, since another role failed or the user wished it.
        """
        runs, emit, name = self._runs, self._emit, self.name
        for instruction in program:
            op, step, micro, peer, phase = instruction
            self._since = start = now()
            self._doing = instruction
            try:
                runs[op](instruction)
            except RunFailed:
                raise
            except ChannelClosed as closed:
                if self._context.stopped.is_set():
                    raise
                cause = f"{closed} was closed at its other end, so that role's run has ended"
                raise LostPeer(name, str(instruction), cause) from closed
            except (Exception, SystemExit) as error:
                raise RunFailed(name, str(instruction), one_line(error)) from error
            staleness = self.stage.staleness if op is Op.UPDATE else 0
            emit(Executed(name, op, phase, step, micro, start, now(), staleness, peer))
            self._doing = None

    def stop(self) -> None:
        """Close the role's channels and wake it, from any thread."""
        self._context.stopped.set()
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

    def status(self) -> RoleStatus:
        """What the role is at now; from any thread."""
        since, doing = self._since, self._doing
        if doing is None:
            return RoleStatus(self.name)
        op, _, _, peer, _ = doing
        if op is Op.RECV:
            due = self.channels.receivers[peer].due()
            if due is not None:
                return RoleStatus(self.name, doing, since, under_way=True, due=due)
        if peer:
            return RoleStatus(self.name, doing, since, "" if self.ready(doing) else peer)
        compute = self._context.role.compute
        lasts_s = ComputeEmulation(compute).lasts(op, 0.0) if compute else 0.0
        return RoleStatus(self.name, doing, since, due=since + lasts_s)

    def _own_runs(self) -> dict[Op, Run]:
        """How the role runs its instructions, by kind, before any hook is put around them."""
        return {
            Op.LOAD: self._load,
            Op.SEND: self._send,
            Op.RECV: self._receive,
            Op.UPDATE: self._update,
            Op.DRAIN: self._drain,
            Op.CHECKPOINT: self._checkpoint,
        }

    def _put_around(self, hook: RoleHook) -> None:
        channels = {channel.name: channel for channel in self._plan.channels}
        for op, run in self._runs.items():
            self._runs[op] = hook.around_instruction(op, run)
        for peer, send in self._sends.items():
            self._sends[peer] = hook.around_send(channels[f"{self.name}->{peer}"], send)
        for peer, receive in self._receives.items():
            self._receives[peer] = hook.around_receive(channels[f"{peer}->{self.name}"], receive)

    def _load(self, instruction: Instruction) -> None:
        phase, step = instruction.phase, instruction.step
        self._batches[phase, step] = self._loader.load(phase, step)

    def _send(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        tensors = self._outgoing.pop((peer, (phase, step, micro)))
        # In one order in memory, whatever the model: over a wire they have no other, and kernels
        # may round by it.
        tensors = tuple([tensor.contiguous() for tensor in tensors])
        self._sends[peer](Message(phase, step, micro, self._digest(phase, step), tensors))
        if phase == "evaluate":
            del self._batches[phase, step]

    def _receive(self, instruction: Instruction) -> None:
        _, step, micro, peer, phase = instruction
        message = self._receives[peer]()
        if message[:3] != (phase, step, micro):
            got = f"{message.phase} {message.step}.{message.micro}"
            raise Misaligned(self.name, str(instruction), f"{peer} sent {got} instead")
        digest = self._digest(phase, step)
        if message.digest != digest:
            raise Misaligned(
                self.name,
                str(instruction),
                f"{peer} and {self.name} have different samples in this batch "
                f"({message.digest.hex()} and {digest.hex()}); "
                "their rows or their batch order disagree",
            )
        self._incoming[peer, (phase, step, micro)] = message.tensors

    def _digest(self, phase: Phase, step: int) -> bytes:
        """Of the samples of a message; what is decided is of none."""
        return _NO_SAMPLES if phase == "decide" else self._batches[phase, step].digest

    def _follow(self, decision: Decision, step: int) -> None:
        """Do as the top has decided after so many updates."""
        if decision.keeps:
            self.stage.keep(step)
        if decision.stops:
            self.stage.recall()
            self._stops = True

    def _update(self, instruction: Instruction) -> None:
        self.stage.update()
        del self._batches["train", instruction.step]

    def _drain(self, _: Instruction) -> None:
        if self._batches or self._outgoing or self._incoming:
            raise RuntimeError("something is still in flight")

    def _checkpoint(self, instruction: Instruction) -> None:
        if self._collect is not None:
            if odd := self.stage.odd_value():
                raise NonFiniteWeights(self.name, str(instruction), odd)
            self._collect(self.name, instruction.step, self._state)

    def _state(self) -> State:
        return self.stage.state()
