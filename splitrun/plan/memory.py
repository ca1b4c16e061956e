"""What each role holds at its peak, told before anything runs.

All roles of an experiment are in one process, so that a cut is held once: by its bottom, whose
backward needs it, while the same bytes count as under way. Data, Python and PyTorch come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from splitrun.plan.plan import EVALUATION_BATCH_ROWS, Plan, Role

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
    ahead = (channel.capacity if channel else 0) * EVALUATION_BATCH_ROWS
    return RoleMemory(
        weights=facts.parameter_bytes + facts.buffer_bytes,
        gradients=facts.gradient_bytes,
        optimizer=facts.optimizer_bytes,
        versions=versions_held(plan, role) * role.version_bytes(facts),
        messages=max(2 * depth * rows * cut, min(plan.facts.test_rows, ahead) * cut),
        activations=round((depth + 1) * rows * per_row),
    )
