"""What a runtime is to do for parties: their roles with stages and batches, and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from torch import nn

from splitrun.model import classification, evaluate
from splitrun.party import Party
from splitrun.plan import Plan, deadline_of
from splitrun.runtime import Checksums, Job, RoleWork
from splitrun.spec import has_checksums


def job_of(
    parties: Iterable[Party],
    plan: Plan,
    metrics: Sequence[str] = (),
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
    works = {
        role.name: RoleWork(stages[role.name], feeds[role.name])
        for role in plan.roles
        if role.name in stages
    }
    for holder in here:
        if holder.holds_label:
            loss, data = holder.loss, holder.data
            works[plan.top.name] = replace(
                works[plan.top.name],
                score=partial(
                    evaluate, loss, metrics, unit=data.label_unit, own=holder.own_figures
                ),
                classify=partial(classification, loss, data.classes) if data.classes else None,
            )
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
