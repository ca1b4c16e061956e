"""Faults to order: a hook that lets roles meet those of a spec.

A role that no fault is for is left as it is.
"""

from __future__ import annotations

import math
import os
import signal
from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from splitrun.plan import Channel, Instruction, Op, PlannedFault
from splitrun.runtime.channel import ChannelClosed, Message
from splitrun.runtime.clock import now, wait_until
from splitrun.runtime.job import WORK, RoleContext, RoleHook, Run, Send
from splitrun.spec.faults import Slow

OnFire = Callable[[int, str, Instruction], None]
"""Told of a fault, in the role's thread and before it happens: its index, the role, the
instruction."""


class InjectedError(Exception):
    """What a fault raises in the name of a role's own code."""


class Vanished(BaseException):
    """Ends a role's thread without a word."""


class Faults:
    """The faults of one attempt of a run.

    Args:
        planned: all of the spec's.
        fired: indices of those that have happened already; none happens twice.
        on_fire: told of each that happens.
    """

    def __init__(
        self,
        planned: Sequence[PlannedFault],
        fired: Collection[int] = (),
        on_fire: OnFire = lambda *_: None,
    ) -> None:
        self.fired = frozenset(fired)
        self.on_fire = on_fire
        self._left = [fault for fault in planned if fault.index not in fired]

    def for_role(self, context: RoleContext) -> RoleHook | None:
        """The faults that a role is to meet."""
        own = [fault for fault in self._left if fault.role == context.role.name]
        return _RoleFaults(context, own, self.on_fire) if own else None


class _RoleFaults(RoleHook):
    def __init__(
        self, context: RoleContext, planned: Sequence[PlannedFault], on_fire: OnFire
    ) -> None:
        self._context = context
        self._planned = planned
        self._on_fire = on_fire
        self._fired: set[int] = set()

    def around_instruction(self, op: Op, run: Run) -> Run:
        """With what happens before, or instead of, instructions of a kind; and those that last
        longer."""
        for planned in self._planned:
            if planned.fault.type == "slow":
                run = self._slowed(planned, planned.fault, run) if op in WORK else run
            elif planned.op is op and planned.fault.hit_link is None:
                run = self._disturbed(planned, run)
        return run

    def around_send(self, channel: Channel, send: Send) -> Send:
        """With what a link does to messages."""
        for planned in self._planned:
            if planned.peer == channel.target and planned.fault.hit_link is not None:
                send = self._over_faulty_link(planned, send)
        return send

    def _disturbed(self, planned: PlannedFault, run: Run) -> Run:
        def disturbed(instruction: Instruction) -> None:
            if self._fires(planned, instruction):
                _happen(planned, self._context)
            run(instruction)

        return disturbed

    def _slowed(self, planned: PlannedFault, fault: Slow, run: Run) -> Run:
        def slowed(instruction: Instruction) -> None:
            self._fires(planned, instruction)
            start = now()
            run(instruction)
            if 0 <= instruction.step - fault.step < fault.steps:
                wait_until(start + fault.factor * (now() - start), self._context.stopped)

        return slowed

    def _over_faulty_link(self, planned: PlannedFault, send: Send) -> Send:
        until = -math.inf

        def faulty(message: Message) -> None:
            nonlocal until
            phase, step, micro = message[:3]
            sent = Instruction(Op.SEND, step, micro, planned.peer, phase)
            if self._fires(planned, sent):
                if planned.fault.type == "silence":
                    until = _end_of(planned.fault.for_ms)
                else:
                    first, *others = message.tensors
                    message = message._replace(tensors=(_flipped(first), *others))
            send(message._replace(arrive=max(message.arrive, until)))

        return faulty

    def _fires(self, planned: PlannedFault, instruction: Instruction) -> bool:
        if planned.index in self._fired or not planned.hits(instruction):
            return False
        self._fired.add(planned.index)
        self._on_fire(planned.index, planned.role, instruction)
        return True


def _happen(planned: PlannedFault, context: RoleContext) -> None:
    """What a fault does before, or instead of, the instruction that it hits."""
    match planned.fault.type:
        case "raise":
            raise InjectedError(str(planned))
        case "stall":
            if not wait_until(_end_of(planned.fault.for_ms), context.stopped):
                raise ChannelClosed(context.role.name)
        case "die":
            raise Vanished
        case "kill":
            os.kill(os.getpid(), signal.SIGKILL)


def _end_of(for_ms: float | None) -> float:
    """When something is over that begins now; without a duration, never."""
    return math.inf if for_ms is None else now() + for_ms / 1e3


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
