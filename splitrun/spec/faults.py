"""Faults to order: what goes wrong in a run, where and when, so that one sees how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from splitrun.errors import Path, Problem
from splitrun.spec.section import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Section,
)
from splitrun.spec.wording import alternatives, did_you_mean

if TYPE_CHECKING:
    from splitrun.spec.model import Spec

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


_BOTTOM = (
    "load",
    "forward",
    "send",
    "receive",
    "backward",
    "update",
    "drain",
    "predict",
    "checkpoint",
)
_TOP = ("load", "receive", "loss", "send", "update", "drain", "predict", "evaluate", "checkpoint")


def _bottoms(spec: Spec) -> list[str]:
    return [name for name, party in spec.parties.items() if party.bottom is not None]


class FaultSection(Section):
    """Something that goes wrong, once in a run."""

    step: NonNegativeInt = Field(description="The training step, from 0.")

    @property
    def hit_role(self) -> str | None:
        """The role that it happens to; None for the top."""
        return None

    @property
    def hit_link(self) -> str | None:
        """The link whose message it happens to, if it is one."""
        return None

    @property
    def hit_instruction(self) -> At | None:
        """The instruction that it happens in; None for a bottom's forward, the top's loss."""
        return None

    @property
    def is_seen_by_checksums(self) -> bool:
        """Whether messages need checksums for it to be noticed."""
        return False

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:  # noqa: ARG002
        """Why it cannot happen in the spec, where it stands at `path`."""
        return iter(())


class RoleFault(FaultSection):
    """Something that happens to a role."""

    role: str = Field(description="Such as `bob.bottom` or `alice.top`.")

    @property
    def hit_role(self) -> str:
        """As stated."""
        return self.role

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """A role that is none."""
        roles = [*(f"{name}.bottom" for name in _bottoms(spec)), f"{spec.top.party}.top"]
        if self.role not in roles:
            remedy = did_you_mean(self.role, roles, "use")
            yield Problem((*path, "role"), f"{self.role!r} is no role", remedy)


class InstructionFault(RoleFault):
    """Something that happens to a role in an instruction of a step."""

    at: At | None = Field(
        None, description="The instruction; default: a bottom's forward, the top's loss."
    )

    @property
    def hit_instruction(self) -> At | None:
        """As stated."""
        return self.at

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """An instruction that the role does not have, too."""
        wrong = list(super().problems(spec, path))
        kind = self.role.rpartition(".")[2]
        known = _TOP if kind == "top" else _BOTTOM
        if not wrong and self.at is not None and self.at not in known:
            remedy = f"use {alternatives(known)}"
            yield Problem((*path, "at"), f"a {kind} has no {self.at}", remedy)
        yield from wrong


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

    @property
    def hit_link(self) -> str:
        """As stated."""
        return self.link

    def problems(self, spec: Spec, path: Path) -> Iterator[Problem]:
        """A link that carries no messages."""
        holder = spec.top.party
        others = [name for name in _bottoms(spec) if name != holder]
        links = [link for name in others for link in (f"{name}->{holder}", f"{holder}->{name}")]
        if self.link not in links:
            what = f"{self.link!r} is no direction of a link that carries messages"
            yield Problem((*path, "link"), what, did_you_mean(self.link, links, "use"))


class Silence(LinkFault):
    """The message and all after it do not arrive, or only when the silence is over."""

    type: Literal["silence"]
    for_ms: PositiveFloat | None = Field(None, description="Default: for ever.")


class Damage(LinkFault):
    """One bit of the message flips on its way."""

    type: Literal["damage"]

    @property
    def is_seen_by_checksums(self) -> bool:
        """By them alone."""
        return True


Fault = Annotated[Raise | Stall | Slow | Die | Kill | Silence | Damage, Field(discriminator="type")]
