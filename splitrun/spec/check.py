"""What must fit together across the keys of a spec, as far as the spec alone tells.

`problems` forbid a run, `warnings` are about what is allowed and does nothing: an override often
turns a setting idle that its spec has reason to hold. What needs the data or the models is checked
where they are known.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import chain

from splitrun.errors import Path, Problem
from splitrun.spec.check_learning import learning_problems, learning_warnings, training_rows
from splitrun.spec.check_timing import timing_problems, timing_warnings
from splitrun.spec.effective import compensation_of, effective_depth, has_checksums, optimizer_of
from splitrun.spec.faults import Damage, InstructionFault, LinkFault, RoleFault
from splitrun.spec.model import (
    Adam,
    AdamW,
    FileDataset,
    Optimizer,
    Rule,
    Sgd,
    Spec,
    SyntheticDataset,
)
from splitrun.spec.wording import alternatives, closest, did_you_mean


def problems(spec: Spec) -> Iterator[Problem]:
    """Why the spec cannot run; not located yet."""
    return chain(
        party_problems(spec),
        learning_problems(spec),
        timing_problems(spec),
        compensation_problems(spec),
        checkpoint_problems(spec),
        fault_problems(spec),
    )


def warnings(spec: Spec) -> Iterator[Problem]:
    """What has no effect in a spec that can run; not located yet."""
    steps = known_steps(spec)
    return chain(
        () if steps is None else step_warnings(spec, steps),
        learning_warnings(spec),
        timing_warnings(spec),
        checkpoint_warnings(spec),
        fault_warnings(spec),
    )


def party_problems(spec: Spec) -> Iterator[Problem]:
    """Parties that cannot take part as they are."""
    yield from _label_holder(spec)
    yield from _bottoms(spec)
    yield from _columns(spec)
    yield from _categorical(spec)


def _label_holder(spec: Spec) -> Iterator[Problem]:
    party = spec.top.party
    if party not in spec.parties:
        remedy = did_you_mean(party, list(spec.parties), "use")
        yield Problem(("top", "party"), f"{party!r} is no party", remedy)


def _bottoms(spec: Spec) -> Iterator[Problem]:
    if not any(party.bottom for party in spec.parties.values()):
        what = "no party has a bottom model, so nothing can be learned"
        yield Problem(("parties",), what, "add a bottom to those with columns")
        return
    for name, party in spec.parties.items():
        path = ("parties", name)
        if party.bottom is not None:
            continue
        if name != spec.top.party and spec.top.party in spec.parties:
            meant = closest(name, [other for other in spec.parties if other != name])
            hint = f", or did you mean {meant!r}?" if meant else ", or remove the party"
            what = "has no bottom model, and only the label holder may have none"
            yield Problem((*path, "bottom"), what, f"add one{hint}")
            continue
        for key in ("columns", "depth", "optimizer", "compute"):
            if getattr(party, key):
                remedy = f"add parties.{name}.bottom, or remove {key}"
                if key in ("optimizer", "compute") and name == spec.top.party:
                    remedy += f"; the top model's are in top.{key}"
                yield Problem((*path, key), f"is not used: {name} has no bottom model", remedy)


def _columns(spec: Spec) -> Iterator[Problem]:
    owner: dict[str, str] = {}
    for name, party in spec.parties.items():
        path = ("parties", name, "columns")
        if party.bottom and not party.columns and not isinstance(spec.dataset, SyntheticDataset):
            yield Problem(path, "its bottom model has no columns", f"list those that {name} holds")
        for index, column in enumerate(party.columns):
            place = (*path, index)
            if column == spec.dataset.label:
                what = f"{column!r} is the label"
                yield Problem(place, what, "remove it: a model must not see what it predicts")
            elif owner.get(column) == name:
                yield Problem(place, f"{column!r} is listed twice", "keep one")
            elif column in owner:
                what = f"{column!r} is a column of {owner[column]}, too"
                yield Problem(place, what, f"leave it to {owner[column]} or to {name}")
            else:
                owner[column] = name


def _categorical(spec: Spec) -> Iterator[Problem]:
    if not isinstance(spec.dataset, FileDataset):
        return
    columns = dict.fromkeys(it for party in spec.parties.values() for it in party.columns)
    seen: set[str] = set()
    for index, column in enumerate(spec.dataset.categorical):
        place = ("dataset", "categorical", index)
        if column in seen:
            yield Problem(place, f"{column!r} is listed twice", "keep one")
        elif column not in columns:
            near = closest(column, columns)
            remedy = f"did you mean {near!r}?" if near else "remove it, or give it to a party"
            yield Problem(place, f"{column!r} is no party's column", remedy)
        seen.add(column)


def compensation_problems(spec: Spec) -> Iterator[Problem]:
    """Rules that are listed twice, and rules that a bottom's optimizer cannot follow."""
    given = spec.pipeline.compensation
    listed = isinstance(given, tuple)
    rules = given if isinstance(given, tuple) else ()
    told: set[tuple[Rule, str]] = set()
    for index, rule in enumerate(rules):
        if rule in rules[:index]:
            yield Problem(_place(index), f"{rule} is listed twice", "keep one")
    for party, section in spec.parties.items():
        if section.bottom is None:
            continue
        optimizer = optimizer_of(spec, party)
        for index, rule in enumerate(compensation_of(spec, party)):
            wrong = _misfit(rule, optimizer)
            if wrong and (rule, wrong[0]) not in told:
                told.add((rule, wrong[0]))
                what = f"{rule} does not fit the optimizer of {party}'s bottom: {wrong[0]}"
                yield Problem(_place(index if listed else None), what, wrong[1])


def _place(index: int | None) -> Path:
    place: Path = ("pipeline", "compensation")
    return place if index is None else (*place, index)


def _misfit(rule: Rule, optimizer: Optimizer) -> tuple[str, str] | None:
    """Why a rule and an optimizer do not go together, and the remedy."""
    if rule in ("spike", "long_momentum"):
        if optimizer.type in ("adagrad", "rmsprop"):
            what = f"no momentum of {optimizer.type} is known here"
            return what, "use auto, or another optimizer"
        if isinstance(optimizer, Sgd) and not optimizer.momentum:
            return "sgd has no momentum here", "set its momentum, such as 0.9, or use auto"
        if isinstance(optimizer, Adam | AdamW) and optimizer.fused:
            return "a fused step is always Adam's own", "set fused to false, or use auto"
    if rule == "spike" and isinstance(optimizer, Sgd) and optimizer.nesterov:
        what = "sgd with nesterov compensates one update already"
        return what, "set nesterov to false, or use auto"
    if rule == "weight_prediction" and optimizer.type in ("adagrad", "rmsprop"):
        what = f"where {optimizer.type} is going is not known here"
        return what, "use auto or discount, or another optimizer, such as adam"
    return None


def checkpoint_problems(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that nobody knows when to take."""
    section = spec.checkpoint
    if section is None:
        return
    if section.every_steps is None and section.every_epochs is None:
        what = "does not say how often"
        yield Problem(("checkpoint",), what, "add every_epochs, such as 1, or every_steps")
    if section.every_steps is not None and section.every_epochs is not None:
        what = "every_epochs is given, too"
        yield Problem(("checkpoint", "every_steps"), what, "keep one of the two")


def checkpoint_warnings(spec: Spec) -> Iterator[Problem]:
    """Checkpoints that are never taken, and those before which the pipeline never fills."""
    section = spec.checkpoint
    if section is None:
        return
    epochs, steps = section.every_epochs, section.every_steps
    if epochs is not None and epochs >= spec.training.epochs:
        what = f"no checkpoint is ever taken: the run has {spec.training.epochs} epochs"
        yield Problem(("checkpoint", "every_epochs"), what, "lower it, or use every_steps")
    depth = max(effective_depth(spec, name) for name in spec.parties)
    if steps is not None and depth > 1 and steps < depth:
        what = f"the pipeline drains before it is {depth} batches deep"
        yield Problem(("checkpoint", "every_steps"), what, "raise it, or lower pipeline.depth")


def known_steps(spec: Spec) -> int | None:
    """The steps of the whole run, where the spec tells how many rows there are."""
    dataset = spec.dataset
    if not isinstance(dataset, SyntheticDataset):
        return None
    return spec.training.epochs * math.ceil(training_rows(dataset) / dataset.batch_size)


def step_warnings(spec: Spec, steps: int) -> Iterator[Problem]:
    """What does nothing, or hardly the intended, in a run of so many steps."""
    section = spec.checkpoint
    if section is not None and section.every_steps is not None and section.every_steps >= steps:
        what = f"no checkpoint is ever taken: the run has {steps} steps"
        yield Problem(("checkpoint", "every_steps"), what, "lower it")
    warmup = spec.training.lr_schedule.warmup_steps
    if warmup >= steps:
        what = f"the warm-up never ends, and lr is never reached: the run has {steps} steps"
        yield Problem(("training", "lr_schedule", "warmup_steps"), what, "lower it")


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
            yield from _link_of((*place, "link"), fault.link, bottoms, spec.top.party)
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


def _link_of(place: Path, link: str, bottoms: list[str], holder: str) -> Iterator[Problem]:
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
