"""What a runtime is to do for a spec: its roles with their stages and batches, and what is asked of
all of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from splitrun.data import Data
from splitrun.model import evaluate
from splitrun.model.assemble import Models
from splitrun.plan import Plan, deadline_of
from splitrun.runtime import Checksums, Job, RoleWork
from splitrun.session.feeds import feeds
from splitrun.spec import Spec, has_checksums
from splitrun.spec.contracts import Metric


def job_of(
    spec: Spec, data: Data, models: Models, plan: Plan, metrics: Sequence[Metric] = ()
) -> Job:
    """The job that trains a plan's models from their first step to the last.

    Args:
        metrics: of evaluations, besides the loss.

    Raises:
        SpecError: a message takes longer than the spec's deadline.
    """
    bottoms, top = models.stages(spec, plan)
    batches = feeds(data, plan)
    roles = {name: RoleWork(stage, batches[name]) for name, stage in bottoms.items()}
    score = partial(evaluate, spec.top.loss, metrics)
    return Job(
        plan,
        roles | {plan.top.name: RoleWork(top, batches[plan.top.name], score)},
        spec.runtime.intra_op_threads,
        deadline=deadline_of(spec, plan),
        hooks=(
            *((Checksums(),) if has_checksums(spec) else ()),
            *(section.build() for section in spec.hooks),
        ),
    )
