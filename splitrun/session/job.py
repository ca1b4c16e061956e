"""What a runtime is to do for parties: their roles with stages and batches, and how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from torch import nn

from splitrun.model import evaluate
from splitrun.party import Parties
from splitrun.plan import Plan, deadline_of
from splitrun.runtime import Checksums, Job, RoleWork
from splitrun.spec import has_checksums
from splitrun.spec.model import Metric


def job_of(
    parties: Parties,
    plan: Plan,
    metrics: Sequence[Metric] = (),
    modules: Mapping[str, nn.Module] | None = None,
) -> Job:
    """The job that trains a plan's models from their first step to the last.

    Args:
        metrics: of evaluations, besides the loss.
        modules: by role, those to go on training; without them, fresh ones are built.

    Raises:
        SpecError: a message takes longer than the spec's deadline.
    """
    spec, batches = parties.spec, parties.feeds(plan)
    score = partial(evaluate, spec.top.loss, metrics)
    return Job(
        plan,
        {
            name: RoleWork(stage, batches[name], score if name == plan.top.name else None)
            for name, stage in parties.stages(plan, modules).items()
        },
        spec.runtime.intra_op_threads,
        deadline=deadline_of(spec, plan),
        hooks=(Checksums(),) if has_checksums(spec) else (),
    )
