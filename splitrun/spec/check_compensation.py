"""Checks on `pipeline.compensation`: its rules must fit the optimizers of the bottoms.

They must whatever the schedule, for a comparison runs the pipelined arms of any spec.
"""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Path, Problem
from splitrun.spec.effective import compensation_of, optimizer_of
from splitrun.spec.model import Adam, AdamW, Optimizer, Rule, Sgd, Spec


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
