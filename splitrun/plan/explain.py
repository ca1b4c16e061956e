"""A plan described, as `plan.json` has it: who runs what, what crosses, what it holds in memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice

from splitrun.plan.instruction import Instruction, Op
from splitrun.plan.memory import memory, peak_bytes, versions_held
from splitrun.plan.plan import Channel, Plan, Role
from splitrun.records.run import ChannelRecord, PlanRecord, RoleRecord

_LETTERS = {Op.FORWARD: "F", Op.BACKWARD: "B", Op.UPDATE: "U", Op.LOSS: "L"}

PREFIX = 24
"""Instructions of each program that are shown."""


def describe(plan: Plan, prefix: int = PREFIX) -> PlanRecord:
    """What the plan comes to, with the first `prefix` instructions of every program.

    `version_bytes` and `in_flight_bytes` are what pipelining adds: weight versions, and cuts and
    gradients in flight; `peak_bytes` is all that roles hold.
    """
    return PlanRecord(
        name=plan.name,
        schedule=plan.schedule,
        depth=plan.depth,
        micro_batches=plan.micro_batches,
        epochs=plan.epochs,
        steps=plan.steps,
        steps_per_epoch=plan.steps_per_epoch,
        batch_size=plan.batch_size,
        train_rows=plan.facts.train_rows,
        test_rows=plan.facts.test_rows,
        drains=sum(1 for _ in plan.segments()),
        checkpoint_every_steps=plan.checkpoint_every_steps,
        roles={role.name: _role(plan, role) for role in plan.roles},
        peak_bytes=peak_bytes(plan),
        channels={channel.name: _channel(plan, channel) for channel in plan.channels},
        programs={
            role.name: tuple(map(str, islice(plan.program(role), prefix))) for role in plan.roles
        },
        sketches={
            role.name: tuple(_short(plan, step) for step in islice(_work(plan, role), prefix))
            for role in plan.roles
        },
    )


def _work(plan: Plan, role: Role) -> Iterator[Instruction]:
    return (instruction for instruction in plan.program(role) if instruction.op in _LETTERS)


def _short(plan: Plan, instruction: Instruction) -> str:
    """`F3`, or `F3.1` where there are micro-batches."""
    sliced = plan.micro_batches > 1 and instruction.op is not Op.UPDATE
    micro = f".{instruction.micro}" if sliced else ""
    return f"{_LETTERS[instruction.op]}{instruction.step}{micro}"


def _role(plan: Plan, role: Role) -> RoleRecord:
    facts = plan.role_facts(role.name)
    depth = role.depth if role.kind == "bottom" else 1
    versions = versions_held(plan, role)
    return RoleRecord(
        depth=depth,
        staleness=max(0, min(depth, plan.longest_segment) - 1),
        parameters=facts.parameters,
        parameter_bytes=facts.parameter_bytes,
        compensation=tuple(rule.type for rule in role.rules),
        versions=versions,
        version_bytes=versions * role.version_bytes(facts),
        saved_parameters=tuple(facts.saved),
        draws_random=facts.draws_random,
        peak_bytes=asdict(memory(plan)[role.name]),
    )


def _channel(plan: Plan, channel: Channel) -> ChannelRecord:
    bottom = next(role for role in plan.bottoms if role.name in (channel.source, channel.target))
    facts = plan.role_facts(bottom.name)
    bytes_per_step = plan.bytes_per_row(channel) * plan.batch_size
    timing = channel.timing
    return ChannelRecord(
        tensors=tuple((plan.batch_size, *tensor.shape) for tensor in facts.cut),
        bytes_per_step=bytes_per_step,
        in_flight_bytes=bytes_per_step * bottom.depth,
        messages_in_flight=bottom.depth * plan.micro_batches,
        latency_ms=timing.latency_s * 1e3 if timing else 0.0,
        transfer_ms=bytes_per_step / timing.bytes_per_s * 1e3 if timing else 0.0,
        jitter_ms=timing.jitter_s * 1e3 if timing else 0.0,
    )
