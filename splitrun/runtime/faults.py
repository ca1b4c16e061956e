"""Faults to order: they act through a worker's actions, its emulation, and the links it sends over.

A worker that no fault is for is left as it is.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from splitrun.plan import Instruction, Op, PlannedFault
from splitrun.runtime.channel import ChannelClosed, Message
from splitrun.runtime.clock import now, wait_until
from splitrun.runtime.worker import WORK, Action, Emulation, Worker
from splitrun.spec.faults import Damage, Die, Kill, Raise, Silence, Slow, Stall


class InjectedError(Exception):
    """What a fault raises in the name of a role's own code."""


class Vanished(BaseException):
    """RoleChannels a role's thread without a word."""


class Faults:
    """The faults of one attempt of a run.

    Args:
        planned: all of the spec's.
        fired: indices of those that have happened already; none happens twice.
        on_fire: called in the role's thread, before it happens, with a fault's index, the role
            and the instruction.
    """

    def __init__(
        self,
        planned: Sequence[PlannedFault],
        fired: Collection[int] = (),
        on_fire: Callable[[int, str, Instruction], None] = lambda *_: None,
    ) -> None:
        self._planned = planned
        self._fired = set(fired)
        self._on_fire = on_fire

    def equip(self, worker: Worker) -> None:
        """Let a worker meet the faults that are for it."""
        for planned in self._planned:
            if planned.role == worker.role.name and planned.index not in self._fired:
                self._equip(worker, planned)

    def _equip(self, worker: Worker, planned: PlannedFault) -> None:
        fault = planned.fault
        if isinstance(fault, Slow):
            self._slow(worker, planned, fault)
            return

        def around(action: Action) -> Action:
            def met(instruction: Instruction) -> None:
                if self._fires(planned, instruction):
                    _happen(worker, planned, instruction)
                action(instruction)

            return met

        worker.surround(planned.op, around)

    def _slow(self, worker: Worker, planned: PlannedFault, fault: Slow) -> None:
        slowed = worker.emulation = _Slowed(worker.emulation)

        def around(action: Action) -> Action:
            def met(instruction: Instruction) -> None:
                self._fires(planned, instruction)
                past = instruction.step - fault.step
                slowed.factor = fault.factor if 0 <= past < fault.steps else 1.0
                action(instruction)

            return met

        for op in WORK:
            if worker.can(op):
                worker.surround(op, around)

    def _fires(self, planned: PlannedFault, instruction: Instruction) -> bool:
        if planned.index in self._fired or not planned.hits(instruction):
            return False
        self._fired.add(planned.index)
        self._on_fire(planned.index, planned.role, instruction)
        return True


class _Slowed:
    """A emulation that makes work last `factor` times as long; used by the worker's own thread."""

    def __init__(self, emulation: Emulation | None) -> None:
        self.factor = 1.0
        self._pace = emulation

    def lasts(self, op: Op, elapsed_s: float) -> float:
        lasts_s = self._pace.lasts(op, elapsed_s) if self._pace else elapsed_s
        return self.factor * lasts_s if op in WORK else lasts_s


def _happen(worker: Worker, planned: PlannedFault, instruction: Instruction) -> None:
    """What a fault does before, or instead of, the instruction that it hits."""
    match planned.fault:
        case Raise():
            raise InjectedError(str(planned))
        case Stall(for_ms=for_ms):
            until = math.inf if for_ms is None else now() + for_ms / 1e3
            if not wait_until(until, worker.stopped):
                raise ChannelClosed(worker.role.name)
        case Die():
            raise Vanished
        case Kill():
            os.kill(os.getpid(), signal.SIGKILL)
        case Silence(for_ms=for_ms):
            until = math.inf if for_ms is None else now() + for_ms / 1e3
            worker.channels.senders[planned.peer].disturb(lambda it: _held_up(it, until))
        case Damage():
            worker.channels.senders[planned.peer].disturb(lambda it: _damaged(it, instruction))


def _held_up(message: Message, until: float) -> Message:
    return message._replace(arrive=max(message.arrive, until))


def _damaged(message: Message, sent: Instruction) -> Message:
    """If it is the one that an instruction sent: with a bit of its first tensor flipped, by which
    no finite value becomes infinite."""
    if message[:3] != (sent.phase, sent.step, sent.micro):
        return message
    first, *others = message.tensors
    return message._replace(tensors=(_flipped(first), *others))


_SIGN, _LARGEST_OF_EXPONENT, _LOWEST = 0x80, 0x40, 0x01
"""Bits of a little-endian number's last byte."""


def _flipped(tensor: Tensor) -> Tensor:
    """A copy in which one element is another number, by one bit and by much, so that no rounding
    makes up for it: the largest has another sign or, where all are 0, the middle one is 2."""
    flipped = tensor.detach().clone(memory_format=torch.contiguous_format)
    elements = flipped.view(-1)
    if not elements.is_floating_point():
        at, bit = len(elements) // 2, _LOWEST
    elif elements.any():
        at, bit = int(elements.abs().argmax()), _SIGN
    else:
        at, bit = len(elements) // 2, _LARGEST_OF_EXPONENT
    size = elements.element_size()
    elements.view(torch.uint8)[at * size + size - 1] ^= bit
    return flipped
