"""The hooks that come with the runtimes: codecs, checksums, and hardware that is emulated."""

from __future__ import annotations

import zlib
from typing import Literal

import torch

from splitrun.data import Batch
from splitrun.errors import CodecOverflow, Damaged
from splitrun.events import Phase
from splitrun.plan import Channel, ComputeEmulation, Instruction, Op
from splitrun.runtime.affinity import CpuPin
from splitrun.runtime.channel import Message
from splitrun.runtime.clock import now, wait_until
from splitrun.runtime.codec import decode, encode
from splitrun.runtime.job import WORK, BatchLoader, Receive, RoleContext, RoleHook, Run, Send

_MARGIN = 2
"""Times as long as loading last took: what a wait must have left for a batch to be loaded in it."""
_LATER = 0.25
"""Of such a wait passes first: at its beginning, roles that the same message has set going want
Python's lock."""


class Codecs:
    """Encodes what roles send over a link with a codec, and decodes it on arrival."""

    def for_role(self, context: RoleContext) -> RoleHook | None:
        """Of roles that have such a link."""
        name = context.role.name
        own = [it for it in context.plan.channels if name in (it.source, it.target)]
        has_codec = any(channel.codec != "none" for channel in own)
        return _EncodedMessages(context) if has_codec else None


class _EncodedMessages(RoleHook):
    def __init__(self, context: RoleContext) -> None:
        self._role, self._plan = context.role, context.plan

    def around_send(self, channel: Channel, send: Send) -> Send:
        codec, cut = channel.codec, self._plan.cut(channel)
        if codec == "none":
            return send

        def encoding(message: Message) -> None:
            try:
                coded = encode(codec, cut, message.tensors)
            except OverflowError as error:
                phase, step, micro = message[:3]
                at = Instruction(Op.SEND, step, micro, channel.target, phase)
                what = "its cut" if self._role.kind == "bottom" else "the gradient that it sends"
                raise CodecOverflow(self._role.name, str(at), what, str(error), codec) from error
            send(message._replace(tensors=coded))

        return encoding

    def around_receive(self, channel: Channel, receive: Receive) -> Receive:
        codec, cut = channel.codec, self._plan.cut(channel)
        if codec == "none":
            return receive

        def decoding() -> Message:
            message = receive()
            return message._replace(tensors=decode(codec, cut, message.tensors))

        return decoding


class Checksums:
    """Gives every message a checksum, and looks at it on arrival."""

    def for_role(self, context: RoleContext) -> RoleHook:
        """Every role's."""
        return _CheckedMessages(context.role.name)


class _CheckedMessages(RoleHook):
    def __init__(self, role: str) -> None:
        self._role = role

    def around_send(self, channel: Channel, send: Send) -> Send:  # noqa: ARG002
        return lambda message: send(message._replace(checksum=_checksum(message)))

    def around_receive(self, channel: Channel, receive: Receive) -> Receive:
        def checked() -> Message:
            message = receive()
            if message.checksum != _checksum(message):
                phase, step, micro = message[:3]
                at = Instruction(Op.RECV, step, micro, channel.source, phase)
                what = f"over {channel.name} came another message than was sent"
                raise Damaged(self._role, str(at), f"{what}: its checksum differs")
            return message

        return checked


def _checksum(message: Message) -> int:
    """CRC-32 of digest and tensors."""
    value = zlib.crc32(message.digest)
    for tensor in message.tensors:
        content = tensor.detach().cpu().contiguous().view(-1).view(torch.uint8)
        value = zlib.crc32(content.numpy().data, value)
    return value


class EmulatedCompute(RoleHook):
    """Lets a role's instructions last as long as the hardware would take that its plan names.

    While it waits for that hardware, the role loads its next batch: whoever computes on an
    accelerator has a processor to spare.

    Args:
        batches: the role's; what is to be loaded is asked of this hook from then on.
        pin: which core the role's thread keeps to.
    """

    def __init__(
        self,
        context: RoleContext,
        emulation: ComputeEmulation,
        batches: BatchLoader,
        pin: CpuPin | None,
    ) -> None:
        self._plan, self._role, self._stopped = context.plan, context.role, context.stopped
        self._emulation = emulation
        self._batches = batches
        self._pin = pin
        self._ahead: dict[int, Batch] = {}
        """The next training step's, loaded while emulated hardware was waited for."""
        self._next_load = self._updated = context.start.step
        self._load_s = {"first": 0.0, "later": 0.0}
        """How long loading took last of a batch that begins an epoch, and of another."""

    def load(self, phase: Phase, step: int) -> Batch:
        """The role's rows of one batch, which may be there already."""
        if phase == "evaluate":
            return self._batches.load(phase, step)
        self._next_load = step + 1
        return self._ahead.pop(step) if step in self._ahead else self._load(step)

    def _load(self, step: int) -> Batch:
        start = now()
        batch = self._batches.load("train", step)
        self._load_s[self._place(step)] = now() - start
        return batch

    def _place(self, step: int) -> Literal["first", "later"]:
        """Where in its epoch a step is."""
        return "later" if step % self._plan.steps_per_epoch else "first"

    def around_instruction(self, op: Op, run: Run) -> Run:
        """What computes lasts as long as on the emulated hardware."""
        if op not in WORK:
            return run

        def emulated(instruction: Instruction) -> None:
            start = now()
            run(instruction)
            if op is Op.UPDATE:
                self._updated += 1
            worked_s = now() - start
            lasts_s = self._emulation.lasts(op, worked_s)
            if self._pin is not None:
                self._pin.note(worked_s, lasts_s)
            self._load_ahead(start + lasts_s)
            wait_until(start + lasts_s, self._stopped)

        return emulated

    def _load_ahead(self, end: float) -> None:
        """Load the next training batch, if there is time for it until `end`. No more batches are
        held than the plan counts."""
        step = self._next_load
        if step in self._ahead or step - self._updated > self._role.depth:
            return
        if step >= self._plan.steps:
            return
        left_s = end - now()
        has_time = left_s > _MARGIN * self._load_s[self._place(step)] > 0
        if has_time and wait_until(end - (1 - _LATER) * left_s, self._stopped):
            self._ahead[step] = self._load(step)
