"""What a runtime is to do for parties: their roles with stages and batches, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial

from torch import nn

from splitrun.model import evaluate
from splitrun.party import Party
from splitrun.plan import Plan, deadline_of
from splitrun.runtime import Checksums, Job, RoleWork
from splitrun.spec import has_checksums
from splitrun.spec.contracts import Metric


def job_of(
    parties: Iterable[Party],
    plan: Plan,
    metrics: Sequence[Metric] = (),
    modules: Mapping[str, nn.Module] | None = None,
) -> Job:
    """The job that trains the parties' part of a plan from its first step to the last.

    Args:
        parties: that run here; all of the plan's, or some, or one.
        metrics: of evaluations, besides the loss.
        modules: by role, those to go on training; without them, fresh ones are built.

    Raises:
        SpecError: a message takes longer than the spec's deadline.
    """
    here = list(parties)
    spec = here[0].spec
    stages = {name: it for party in here for name, it in party.stages(plan, modules).items()}
    feeds = {name: it for party in here for name, it in party.feeds(plan).items()}
    units = {party.name: party.data.label_unit for party in here}
    works = {
        role.name: RoleWork(
            stages[role.name],
            feeds[role.name],
            partial(evaluate, spec.top.loss, metrics, unit=units[role.party])
            if role is plan.top
            else None,
        )
        for role in plan.roles
        if role.name in stages
    }
    return Job(
        plan,
        works,
        spec.runtime.intra_op_threads,
        deadline=deadline_of(spec, plan),
        hooks=(
            *((Checksums(),) if has_checksums(spec) else ()),
            *(section.build() for section in spec.hooks),
        ),
        parties=here,
        metrics=metrics,
    )
