"""Programs: the exact order of every role's instructions, made segment by segment.

A bottom runs LOAD, FORWARD, SEND, RECV, BACKWARD, UPDATE; the top LOAD, RECV, LOSS, SEND, UPDATE.
LOSS is the top's forward and backward at once. DRAIN marks where nothing is in flight. Evaluation
batches pass as LOAD, PREDICT, SEND and RECV of phase `evaluate`; EVALUATE closes them. Where a run
may stop early, the top's DECIDE follows, what it has decided is sent to every bottom in phase
`decide`, and their DECIDE does as it says. CHECKPOINT ends the segment, with nothing in flight.

One pair of generators serves all schedules, because a schedule is no more than a depth and a number
of micro-batches:

    sequential   depth 1    1 micro-batch     F0 B0 U0 F1 B1 U1 ...
    microbatch   depth 1    M micro-batches   F0,0 ... F0,M-1 B0,0 ... B0,M-1 U0 ...   (GPipe)
    stale        depth d    1 micro-batch     F0 ... Fd-1 (Bt Ut Ft+d)*                (PipeDream)

While a gradient is on its way, the next batch is loaded: LOAD of step t+d stands before RECV of
step t. The top sends the cut's gradient before it updates itself, since that is what others wait
for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from splitrun.events import Phase


class Op(StrEnum):
    """What one instruction does."""

    LOAD = "LOAD"
    FORWARD = "FORWARD"
    SEND = "SEND"
    RECV = "RECV"
    LOSS = "LOSS"
    BACKWARD = "BACKWARD"
    UPDATE = "UPDATE"
    DRAIN = "DRAIN"
    PREDICT = "PREDICT"
    EVALUATE = "EVALUATE"
    DECIDE = "DECIDE"
    CHECKPOINT = "CHECKPOINT"


class Instruction(NamedTuple):
    """One instruction of one role.

    `step` counts training batches over the whole run, or evaluation batches of one evaluation;
    `micro` is the slice of the batch; `peer` the role that SEND and RECV speak to. DRAIN, EVALUATE,
    CHECKPOINT and all of phase `decide` carry the number of training steps done.
    """

    op: Op
    step: int
    micro: int = 0
    peer: str = ""
    phase: Phase = "train"

    def __str__(self) -> str:
        text = f"{self.op} {self.step}"
        if self.micro:
            text += f".{self.micro}"
        if self.op is Op.SEND:
            text += f" to {self.peer}"
        elif self.op is Op.RECV:
            text += f" from {self.peer}"
        return text + _AFTER[self.phase]


_AFTER: Mapping[Phase, str] = {"train": "", "evaluate": " (evaluation)", "decide": " (decision)"}

Program = Iterator[Instruction]


@dataclass(frozen=True)
class Segment:
    """Training steps `start` up to, not including, `stop`; then a drain, then perhaps an evaluation
    of `evaluation_batches` batches, then perhaps a checkpoint."""

    start: int
    stop: int
    evaluation_batches: int = 0
    checkpoint: bool = False
    may_stop: bool = False
    """Whether the evaluation, if there is one, decides if the run goes on."""

    @property
    def decides(self) -> bool:
        """Whether something is decided at its end."""
        return self.may_stop and self.evaluation_batches > 0


def bottom_program(segment: Segment, depth: int, slices: Callable[[int], int], top: str) -> Program:
    """A bottom's program for one segment; `slices(step)` is the number of micro-batches of a step.

    Forward `t` runs after update `t - depth`, so it sees version max(start, t - depth + 1).
    """
    for step in range(segment.start, min(segment.start + depth, segment.stop)):
        yield Instruction(Op.LOAD, step)
        yield from _forward(step, slices(step), top)
    for step in range(segment.start, segment.stop):
        ahead = step + depth
        if ahead < segment.stop:
            yield Instruction(Op.LOAD, ahead)
        for micro in range(slices(step)):
            yield Instruction(Op.RECV, step, micro, top)
            yield Instruction(Op.BACKWARD, step, micro)
        yield Instruction(Op.UPDATE, step)
        if ahead < segment.stop:
            yield from _forward(ahead, slices(ahead), top)
    yield Instruction(Op.DRAIN, segment.stop)
    for batch in range(segment.evaluation_batches):
        yield Instruction(Op.LOAD, batch, phase="evaluate")
        yield Instruction(Op.PREDICT, batch, phase="evaluate")
        yield Instruction(Op.SEND, batch, peer=top, phase="evaluate")
    if segment.decides:
        yield Instruction(Op.RECV, segment.stop, peer=top, phase="decide")
        yield Instruction(Op.DECIDE, segment.stop, phase="decide")
    if segment.checkpoint:
        yield Instruction(Op.CHECKPOINT, segment.stop)


def top_program(segment: Segment, slices: Callable[[int], int], bottoms: Sequence[str]) -> Program:
    """The top's program for one segment; it hears the bottoms in their given order."""
    for step in range(segment.start, segment.stop):
        yield Instruction(Op.LOAD, step)
        for micro in range(slices(step)):
            for bottom in bottoms:
                yield Instruction(Op.RECV, step, micro, bottom)
            yield Instruction(Op.LOSS, step, micro)
            for bottom in bottoms:
                yield Instruction(Op.SEND, step, micro, bottom)
        yield Instruction(Op.UPDATE, step)
    yield Instruction(Op.DRAIN, segment.stop)
    yield from _evaluation(segment, bottoms)
    if segment.checkpoint:
        yield Instruction(Op.CHECKPOINT, segment.stop)


def _evaluation(segment: Segment, bottoms: Sequence[str]) -> Program:
    """The top's part of an evaluation, and of what it decides."""
    for batch in range(segment.evaluation_batches):
        yield Instruction(Op.LOAD, batch, phase="evaluate")
        for bottom in bottoms:
            yield Instruction(Op.RECV, batch, peer=bottom, phase="evaluate")
        yield Instruction(Op.PREDICT, batch, phase="evaluate")
    if segment.evaluation_batches:
        yield Instruction(Op.EVALUATE, segment.stop)
    if segment.decides:
        yield Instruction(Op.DECIDE, segment.stop, phase="decide")
        for bottom in bottoms:
            yield Instruction(Op.SEND, segment.stop, peer=bottom, phase="decide")


def _forward(step: int, slices: int, top: str) -> Program:
    for micro in range(slices):
        yield Instruction(Op.FORWARD, step, micro)
        yield Instruction(Op.SEND, step, micro, top)
