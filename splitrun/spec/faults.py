"""Faults to order: what goes wrong in a run, where and when, so that one sees how it ends."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from splitrun.spec.section import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)

At = Literal[
    "load",
    "forward",
    "send",
    "receive",
    "loss",
    "backward",
    "update",
    "drain",
    "predict",
    "evaluate",
    "checkpoint",
]
"""What a role is at. `drain`, `evaluate` and `checkpoint` come after `step` training steps,
`predict` is of batch `step` of an evaluation."""


class FaultSection(Section):
    """Something that goes wrong, once in a run."""

    step: NonNegativeInt = Field(description="The training step, from 0.")


class RoleFault(FaultSection):
    """Something that happens to a role."""

    role: str = Field(description="Such as `bob.bottom` or `alice.top`.")


class InstructionFault(RoleFault):
    """Something that happens to a role in an instruction of a step."""

    at: At | None = Field(
        None, description="The instruction; default: a bottom's forward, the top's loss."
    )


class Raise(InstructionFault):
    """The role's own code raises an error."""

    type: Literal["raise"]


class Stall(InstructionFault):
    """The instruction does not come back, or only after a while."""

    type: Literal["stall"]
    for_ms: PositiveFloat | None = Field(None, description="Default: for ever.")


class Slow(RoleFault):
    """The role computes more slowly for some steps."""

    type: Literal["slow"]
    factor: Annotated[float, Field(strict=True, ge=1)] = Field(
        description="How many times as long its instructions last."
    )
    steps: PositiveInt = 1


class Die(InstructionFault):
    """The role's thread ends without a word, as a party does whose process is killed."""

    type: Literal["die"]


class Kill(FaultSection):
    """The whole process is killed (SIGKILL) before the loss of a step."""

    type: Literal["kill"]


class LinkFault(FaultSection):
    """Something that happens to the message of a step."""

    link: str = Field(description="One direction between two parties, such as `bob->alice`.")


class Silence(LinkFault):
    """The message and all after it do not arrive, or only when the silence is over."""

    type: Literal["silence"]
    for_ms: PositiveFloat | None = Field(None, description="Default: for ever.")


class Damage(LinkFault):
    """One bit of the message flips on its way."""

    type: Literal["damage"]


Fault = Annotated[Raise | Stall | Slow | Die | Kill | Silence | Damage, Field(discriminator="type")]
