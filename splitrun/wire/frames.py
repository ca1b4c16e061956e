"""Frames: what one party's roles send another's, as bytes, and what is refused of them.

A frame is what the plan says, or it is refused: which slice of which batch comes next over a
channel, how many rows it has, and what its tensors are, both ends know. So a frame tells where it
belongs, to be compared, and its content; no size, shape or type in it is believed. Numbers are
little-endian, as tensors are in memory.
"""

from __future__ import annotations

import math
import struct
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from splitrun.events import Phase
from splitrun.model import is_finite
from splitrun.plan import Channel, Op, Plan, TensorFacts
from splitrun.runtime import Message

_HEAD = struct.Struct("<HIQBIQI?I8sd12x")
"""Channel, life, number, what it is for, micro-batch, step, rows, whether there is
a checksum, the checksum, the digest of the samples, and when it arrives, where a link is emulated
between processes of one machine."""
_PHASES: Sequence[Phase] = ("train", "evaluate", "decide")


class Place(NamedTuple):
    """Where a message belongs, and its rows."""

    phase: Phase
    step: int
    micro: int
    rows: int


@dataclass(frozen=True)
class Layout:
    """What the frames of a channel look like."""

    number: int
    """Of the channel, in the plan."""
    channel: Channel
    tensors: tuple[TensorFacts, ...]
    """Per row."""

    @classmethod
    def of(cls, plan: Plan, channel: Channel) -> Layout:
        """That of a channel of a plan."""
        return cls(plan.channels.index(channel), channel, plan.message(channel))

    def size(self, rows: int) -> int:
        """Bytes of a frame with so many rows."""
        return _HEAD.size + sum(_aligned(rows * it.bytes_per_row) for it in self.tensors)


def _aligned(size: int) -> int:
    """The next multiple of what every type of numbers is aligned to."""
    return -(-size // 16) * 16


def places(plan: Plan, channel: Channel, first_step: int = 0) -> Iterator[Place]:
    """Where the messages of a channel belong, in the order in which they are sent."""
    role = next(role for role in plan.roles if role.name == channel.source)
    evaluated = [
        min(plan.evaluation_batch_rows, rows - start)
        for rows in plan.facts.evaluated_rows.values()
        for start in range(0, rows, plan.evaluation_batch_rows)
    ]
    for op, step, micro, peer, phase in plan.program(role, first_step):
        if op is not Op.SEND or peer != channel.target:
            continue
        if phase != "train":
            yield Place(phase, step, micro, evaluated[step] if phase == "evaluate" else 1)
            continue
        rows, slices = plan.rows(step), plan.slices(step)
        start, stop = micro * rows // slices, (micro + 1) * rows // slices
        yield Place(phase, step, micro, stop - start)


def encode(layout: Layout, life: int, number: int, message: Message) -> bytearray:
    """A message as a frame.

    Raises:
        ValueError: its tensors are not those of the plan, or not finite.
    """
    phase, step, micro, digest, tensors, arrive, checksum = message
    rows = len(tensors[0]) if tensors and tensors[0].ndim else 0
    wanted = [((rows, *it.shape), getattr(torch, it.dtype)) for it in layout.tensors]
    if [(tuple(it.shape), it.dtype) for it in tensors] != wanted:
        told = " and ".join(f"{it.dtype} {list(it.shape)}" for it in tensors)
        planned = " and ".join(f"{dtype} {list(shape)}" for shape, dtype in wanted)
        raise ValueError(f"it sends {told}, where the plan has {planned}")
    frame = bytearray(layout.size(rows))
    has_checksum = checksum is not None
    where = (layout.number, life, number, _PHASES.index(phase), micro, step, rows)
    _HEAD.pack_into(frame, 0, *where, has_checksum, checksum or 0, digest, arrive)
    for target, tensor in zip(_tensors(layout, frame, rows), tensors, strict=True):
        target.copy_(tensor)
        if not is_finite(target):
            raise ValueError("what it sends is not finite")
    return frame


def channel_of(frame: bytes | bytearray) -> int:
    """The number of the channel that a frame says it belongs to; -1 for what is no frame."""
    return int(_HEAD.unpack_from(frame)[0]) if len(frame) >= _HEAD.size else -1


def number_of(frame: bytes | bytearray) -> tuple[int, int]:
    """The life and the number that a frame says it has."""
    _, life, number, *_ = _HEAD.unpack_from(frame)
    return life, number


def decode(layout: Layout, place: Place, frame: bytearray) -> Message:
    """The message of a frame, whose tensors lie in the frame's memory.

    Args:
        place: where the next one belongs.

    Raises:
        ValueError: it belongs elsewhere, is longer or shorter, or not finite.
    """
    _, _, _, phase, micro, step, rows, has_checksum, checksum, digest, arrive = _HEAD.unpack_from(
        frame
    )
    if phase >= len(_PHASES):
        raise ValueError(f"a message for nothing that there is came, where {_text(place)} was due")
    told = Place(_PHASES[phase], step, micro, rows)
    if told != place:
        raise ValueError(f"{_text(told)} came, where {_text(place)} was due")
    if len(frame) != layout.size(rows):
        raise ValueError(f"{len(frame)} bytes came, where {layout.size(rows)} were due")
    tensors = _tensors(layout, frame, rows)
    if not all(map(is_finite, tensors)):
        raise ValueError("what came is not finite")
    check = checksum if has_checksum else None
    emulated = arrive if layout.channel.timing is not None else -math.inf
    return Message(place.phase, step, micro, digest, tuple(tensors), emulated, check)


def _tensors(layout: Layout, frame: bytearray, rows: int) -> Sequence[Tensor]:
    if sys.byteorder != "little":
        raise ValueError("tensors go over a wire between little-endian machines alone")
    found, start = [], _HEAD.size
    for facts in layout.tensors:
        dtype, size = getattr(torch, facts.dtype), rows * facts.bytes_per_row
        whole = memoryview(frame)[start : start + size]
        content = torch.frombuffer(whole, dtype=dtype) if size else torch.empty(0, dtype=dtype)
        found.append(content.view(rows, *facts.shape))
        start += _aligned(size)
    return found


def _text(place: Place) -> str:
    micro = f".{place.micro}" if place.micro else ""
    return f"{place.phase} {place.step}{micro} of {place.rows} rows"
