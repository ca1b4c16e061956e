"""Checks on faults and supervision: whom they name, and whether a deadline can be kept."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Path, Problem
from splitrun.spec.effective import has_checksums
from splitrun.spec.model import Damage, InstructionFault, LinkFault, RoleFault, Spec
from splitrun.spec.wording import alternatives, did_you_mean

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


def fault_problems(spec: Spec) -> Iterator[Problem]:
    """Faults of nobody, and deadlines that emulated links and hardware cannot keep."""
    bottoms = [name for name, party in spec.parties.items() if party.bottom is not None]
    roles = [*(f"{name}.bottom" for name in bottoms), f"{spec.top.party}.top"]
    for index, fault in enumerate(spec.faults):
        place = ("faults", index)
        if isinstance(fault, RoleFault):
            if fault.role not in roles:
                remedy = did_you_mean(fault.role, roles, "use")
                yield Problem((*place, "role"), f"{fault.role!r} is no role", remedy)
            elif isinstance(fault, InstructionFault):
                yield from _instruction((*place, "at"), fault)
        elif isinstance(fault, LinkFault):
            yield from _link((*place, "link"), fault.link, bottoms, spec.top.party)
    yield from _deadline(spec)


def fault_warnings(spec: Spec) -> Iterator[Problem]:
    """Damage that nobody would notice."""
    for index, fault in enumerate(spec.faults):
        if isinstance(fault, Damage) and not has_checksums(spec):
            what = "nobody will notice: runtime.checksums is off"
            yield Problem(("faults", index), what, "set it to auto or on")


def _instruction(place: Path, fault: InstructionFault) -> Iterator[Problem]:
    kind = fault.role.rpartition(".")[2]
    known = _TOP if kind == "top" else _BOTTOM
    if fault.at is not None and fault.at not in known:
        yield Problem(place, f"a {kind} has no {fault.at}", f"use {alternatives(known)}")


def _link(place: Path, link: str, bottoms: list[str], holder: str) -> Iterator[Problem]:
    others = [name for name in bottoms if name != holder]
    links = [link for name in others for link in (f"{name}->{holder}", f"{holder}->{name}")]
    if link not in links:
        what = f"{link!r} is no direction of a link that carries messages"
        yield Problem(place, what, did_you_mean(link, links, "use"))


def _deadline(spec: Spec) -> Iterator[Problem]:
    deadline = spec.supervision.deadline_s
    if deadline == "auto":
        return
    for key, link in spec.links.items():
        longest_s = (link.latency_ms + link.jitter_ms) / 1e3
        if longest_s >= deadline:
            yield _late(f"a message over links.{key} takes up to {longest_s:g} s")
    sections = {f"parties.{name}": party.compute for name, party in spec.parties.items()}
    for name, compute in {**sections, "top": spec.top.compute}.items():
        for key, value in compute or ():
            if key.endswith("_ms") and value is not None and value / 1e3 >= deadline:
                yield _late(f"{name}.compute.{key} is {value / 1e3:g} s")


def _late(cause: str) -> Problem:
    what = f"{cause}, so it would be late"
    return Problem(("supervision", "deadline_s"), what, "raise it, or use auto")
