"""A plan described, as `plan.json` has it: who runs what, what crosses, what it holds in memory.

Memory is told before anything runs, each role's at its peak. All roles of an experiment are in one
process, so that a cut is held once: by its bottom, whose backward needs it, while the same bytes
count as under way. Data, Python and PyTorch come on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields, replace
from itertools import islice

from splitrun.plan.plan import Channel, Plan, Role
from splitrun.plan.schedule import Instruction, Op
from splitrun.records.plan import ChannelRecord, PlanRecord, RoleRecord

_WRITTEN = 3
"""Times the size of a state that it has in memory while it is made into a file."""


@dataclass(frozen=True)
class RoleMemory:
    """Bytes by what they are for."""

    weights: int
    gradients: int
    """Dense ones, of all weights."""
    optimizer: int
    versions: int
    messages: int
    """A bottom's cuts of all batches in flight, and their gradients; or cuts of an evaluation."""
    activations: int
    """Estimated from a probed batch: those of all batches in flight, and of one backward."""
    checkpoint: int = 0
    """A copy of weights and optimizer state while a checkpoint is written; of the largest role
    also the bytes that go to disk, of which there are two copies on the way."""

    @property
    def total(self) -> int:
        """All of them."""
        return sum(getattr(self, field.name) for field in fields(self))


def memory(plan: Plan) -> Mapping[str, RoleMemory]:
    """By role."""
    held = {role.name: _of_role(plan, role) for role in plan.roles}
    if plan.checkpoint_every_steps is None or plan.checkpoint_every_steps >= plan.steps:
        return held
    copies = {name: each.weights + each.optimizer for name, each in held.items()}
    largest = max(copies, key=lambda name: copies[name])
    return {
        name: replace(each, checkpoint=copies[name] * (_WRITTEN if name == largest else 1))
        for name, each in held.items()
    }


def peak_bytes(plan: Plan) -> int:
    """Of all roles together."""
    return sum(role.total for role in memory(plan).values())


def versions_held(plan: Plan, role: Role) -> int:
    """How many versions a bottom has at once: one for each batch in flight that saw others.

    Batches of the fill share one, unless each has weights that are moved for its own staleness.
    """
    if role.kind == "top" or not role.versioned(plan.role_facts(role.name)):
        return 0
    if role.moves_weights:
        return min(role.depth, plan.longest_segment)
    return max(1, min(role.depth, plan.longest_segment - role.depth + 1))


def _of_role(plan: Plan, role: Role) -> RoleMemory:
    facts, rows = plan.role_facts(role.name), min(plan.batch_size, plan.facts.train_rows)
    depth = role.depth if role.kind == "bottom" else 1
    per_row = facts.activation_bytes_per_row + facts.input_bytes_per_row
    cut = facts.cut_bytes_per_row
    channel = next((each for each in plan.channels if each.source == role.name), None)
    evaluated = sum(plan.facts.evaluated_rows.values())
    ahead = (channel.capacity if channel else 0) * plan.evaluation_batch_rows
    weights = facts.parameter_bytes + facts.buffer_bytes
    return RoleMemory(
        weights=weights if plan.early_stopping is None else 2 * weights,  # and the best
        gradients=facts.gradient_bytes,
        optimizer=facts.optimizer_bytes,
        versions=versions_held(plan, role) * role.version_bytes(facts),
        messages=max(2 * depth * rows * cut, min(evaluated, ahead) * cut),
        activations=round((depth + 1) * rows * per_row),
    )


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
        validation_rows=plan.facts.validation_rows,
        test_rows=plan.facts.test_rows,
        drains=sum(1 for _ in plan.segments()),
        may_stop=plan.early_stopping is not None,
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
        codec=channel.codec,
    )
