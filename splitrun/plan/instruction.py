"""The instructions that a role's program is made of.

A bottom runs LOAD, FORWARD, SEND, RECV, BACKWARD, UPDATE; the top LOAD, RECV, LOSS, SEND, UPDATE.
LOSS is the top's forward and backward at once. DRAIN marks where nothing is in flight. Evaluation
batches pass as LOAD, PREDICT, SEND and RECV of phase `evaluate`; EVALUATE closes them. CHECKPOINT
ends the segment, with nothing in flight.
"""

from __future__ import annotations

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
    CHECKPOINT = "CHECKPOINT"


class Instruction(NamedTuple):
    """One instruction of one role.

    `step` counts training batches over the whole run, or evaluation batches of one evaluation;
    `micro` is the slice of the batch; `peer` the role that SEND and RECV speak to. DRAIN, EVALUATE
    and CHECKPOINT carry the number of training steps done.
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
        return text if self.phase == "train" else f"{text} (evaluation)"
