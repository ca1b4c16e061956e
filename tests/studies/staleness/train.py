"""One cell, trained."""

from __future__ import annotations

import gc
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from splitrun.model import BottomStage, RoleOptimizer, Stage
from splitrun.model.compensation import Discount, LongMomentum
from splitrun.plan import Plan, compile
from splitrun.session.job import job_of
from splitrun.spec import Spec, optimizer_of
from tests.studies.staleness.cell import Cell, Found
from tests.studies.staleness.rules import CONTROL, OTHER_SEED, parts_of, sections_of
from tests.studies.staleness.tasks import TASKS, parties_of, spec_of
from tests.studies.staleness.trial_rules import STAGES
from tests.studies.training import trained

STEPS_PER_MEAN = 10
_DISCOUNT = (Discount(type="discount"),)
_FAR = 10_000
"""From every seed of a cell."""
_LONG = (LongMomentum(type="long_momentum"),)


def train(cell: Cell, directory: Path) -> Found:
    """Train a cell from its first weights.

    Args:
        directory: where files may be put.
    """
    gc.collect()  # what the training before left behind: the runtime keeps the collector off
    start = time.process_time()
    task = TASKS[cell.task]
    parts = cell.task, cell.optimizer, cell.depth, cell.rule
    spec = spec_of(cell.task, cell.seed, **sections_of(*parts))
    if OTHER_SEED in parts_of(cell.rule):
        spec = spec.model_copy(update={"seed": _FAR + cell.seed})
    parties = parties_of(cell.task, cell.seed, directory).under(spec)
    plan = compile(spec, parties.facts())
    job = job_of(parties, plan, (task.metric,))
    stages = {name: work.stage for name, work in job.roles.items()}
    tried = {
        name: replace(job.roles[name], stage=stage)
        for name, stage in _under_trial(cell, spec, plan, stages).items()
    }
    done = trained(replace(job, roles=tried), task.metric, task.chance)
    return Found(
        cell=cell,
        score=done.score,
        diverged=done.diverged,
        curve=done.scores if task.evaluate_every_epochs else [],
        losses=_means(done.losses) if task.keeps_losses else [],
        cpu_s=round(time.process_time() - start, 2),
    )


def _under_trial(cell: Cell, spec: Spec, plan: Plan, stages: dict[str, Stage]) -> dict[str, Stage]:
    """The roles, with bottoms as a rule of the cell wants them that the spec cannot name."""
    parts = parts_of(cell.rule)
    kinds = [STAGES[part] for part in parts if part in STAGES]
    long = _LONG[0].type if cell.depth == 1 else ""
    controls = [part for part in parts if part in (CONTROL, long)]
    if not controls and not kinds:
        return stages
    changed = dict(stages)
    for role in plan.bottoms:
        module, optimizer = stages[role.name].module, stages[role.name]._optimizer
        if controls:
            optimizer = RoleOptimizer(
                module,
                optimizer_of(spec, role.party),
                spec.training.lr_schedule,
                steps_per_epoch=plan.steps_per_epoch,
                steps=plan.steps,
                rules=_DISCOUNT if CONTROL in parts else _LONG,
                staleness=partial(min, cell.depth - 1),
            )
        kind = kinds[0] if kinds else BottomStage
        changed[role.name] = kind(role, plan.role_facts(role.name), module, optimizer, spec.seed)
    return changed


def _means(values: list[float]) -> list[float]:
    whole = len(values) // STEPS_PER_MEAN * STEPS_PER_MEAN
    starts = range(0, whole, STEPS_PER_MEAN)
    return [
        round(sum(values[start : start + STEPS_PER_MEAN]) / STEPS_PER_MEAN, 6) for start in starts
    ]
