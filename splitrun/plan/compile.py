"""`compile`: (Spec, Facts) -> Plan. Pure: no clock, no files, no models."""

from __future__ import annotations

from dataclasses import replace

from splitrun.errors import Problem, SpecError
from splitrun.plan.emulation import LinkTiming
from splitrun.plan.plan import Channel, EarlyStopping, Facts, Plan, Role
from splitrun.spec import (
    Spec,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    is_falling,
    link_between,
)


def bottom_name(party: str) -> str:
    """The role that runs a party's bottom model."""
    return f"{party}.bottom"


def top_name(spec: Spec) -> str:
    """The role that runs the label holder's top model."""
    return f"{spec.top.party}.top"


def compile(spec: Spec, facts: Facts) -> Plan:  # noqa: A001 - the field's word for it
    """Compile a validated spec and the facts about its data and models into a plan.

    Raises:
        SpecError: the pipeline is deeper than the run has steps.
    """
    bottoms = tuple(
        Role(
            bottom_name(name),
            name,
            "bottom",
            effective_depth(spec, name),
            party.compute,
            compensation_of(spec, name),
        )
        for name, party in spec.parties.items()
        if party.bottom is not None
    )
    depth = max(role.depth for role in bottoms)
    top = Role(top_name(spec), spec.top.party, "top", depth, spec.top.compute)
    micro_batches = effective_micro_batches(spec)
    plan = Plan(
        name=spec.name,
        seed=spec.seed,
        schedule=spec.pipeline.schedule,
        bottoms=bottoms,
        top=top,
        channels=tuple(
            _channel(spec, source, target, max(2, bottom.depth * micro_batches))
            for bottom in bottoms
            for source, target in ((bottom, top), (top, bottom))
        ),
        facts=facts,
        batch_size=spec.dataset.batch_size,
        micro_batches=micro_batches,
        epochs=spec.training.epochs,
        evaluate_every_epochs=spec.training.evaluate_every_epochs,
        evaluate_every_steps=spec.training.evaluate_every_steps,
    )
    if (stopping := spec.training.early_stopping) is not None:
        limits = EarlyStopping(
            stopping.metric,
            stopping.patience,
            stopping.min_delta,
            rises=not is_falling(spec, stopping.metric),
        )
        plan = replace(plan, early_stopping=limits)
        if plan.evaluate_every_steps is None and plan.evaluate_every_epochs is None:
            plan = replace(plan, evaluate_every_epochs=1)
    if spec.checkpoint is not None:
        epochs = spec.checkpoint.every_epochs
        every = epochs * plan.steps_per_epoch if epochs else spec.checkpoint.every_steps
        plan = replace(plan, checkpoint_every_steps=every)
    _refuse_depth_beyond_steps(spec, plan)
    return plan


def _channel(spec: Spec, source: Role, target: Role, capacity: int) -> Channel:
    link = link_between(spec, source.party, target.party)
    if link is None:
        return Channel(source.name, target.name, None, capacity)
    stream = (spec.seed, source.name, target.name)
    timing = LinkTiming.of(link, *stream) if link.is_emulated else None
    return Channel(source.name, target.name, timing, capacity, link.codec)


def _refuse_depth_beyond_steps(spec: Spec, plan: Plan) -> None:
    problems = [
        Problem(
            ("parties", role.party, "depth")
            if spec.parties[role.party].depth
            else ("pipeline", "depth"),
            f"depth {role.depth} is more than the {plan.steps} steps of the run",
            f"use at most {plan.steps}, more epochs or a smaller dataset.batch_size",
        )
        for role in plan.bottoms
        if role.depth > plan.steps
    ]
    if problems:
        raise SpecError(problems)
