"""All models of a spec, built and probed together: the top's width follows from the cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from splitrun.data import Data, gather
from splitrun.errors import ModelError, Problem, SpecError
from splitrun.model.build import build_bottom, build_top
from splitrun.model.fusion import fuse, fused_features
from splitrun.model.optimizer import RoleOptimizer
from splitrun.model.probe import Probed, probe
from splitrun.model.stage import BottomStage, TopStage
from splitrun.plan import Facts, Plan, Role, bottom_name, top_name
from splitrun.spec import Spec, effective_micro_batches, optimizer_of


@dataclass(frozen=True)
class Models:
    """Every role's module with its initial weights, and the facts that the plan needs."""

    modules: Mapping[str, nn.Module]
    facts: Facts

    def stages(self, spec: Spec, plan: Plan) -> tuple[dict[str, BottomStage], TopStage]:
        """The roles ready for training: bottoms by role name, and the top."""
        bottoms = {
            role.name: BottomStage(
                role,
                plan.role_facts(role.name),
                self.modules[role.name],
                self._optimizer(spec, plan, role),
                spec.seed,
            )
            for role in plan.bottoms
        }
        top = TopStage(
            plan.top,
            plan.role_facts(plan.top.name),
            self.modules[plan.top.name],
            self._optimizer(spec, plan, plan.top),
            spec.seed,
            spec.top.fusion,
            spec.top.loss,
        )
        return bottoms, top

    def _optimizer(self, spec: Spec, plan: Plan, role: Role) -> RoleOptimizer:
        return RoleOptimizer(
            self.modules[role.name],
            optimizer_of(spec, None if role.kind == "top" else role.party),
            spec.training.lr_schedule,
            steps_per_epoch=plan.steps_per_epoch,
            steps=plan.steps,
        )


def assemble(spec: Spec, data: Data, directory: Path) -> Models:
    """Build and probe every model on the first training rows.

    Args:
        directory: where custom classes are looked up first.

    Raises:
        ModelError: a model cannot be built, or the models do not fit together or the labels.
        SpecError: BatchNorm with micro-batches, or with a last batch of one row.
    """
    ids = data.train_ids[: spec.dataset.batch_size]
    modules: dict[str, nn.Module] = {}
    probed: dict[str, Probed] = {}
    for party, section in spec.parties.items():
        if section.bottom is None:
            continue
        role = bottom_name(party)
        module = build_bottom(
            section.bottom, data.inputs[party], role=role, seed=spec.seed, directory=directory
        )
        probed[role] = probe(role, module, gather(data.features[party], ids), is_bottom=True)
        modules[role] = module
    role = top_name(spec)
    shapes = {
        name: tuple(tensor.shape for tensor in bottom.facts.cut) for name, bottom in probed.items()
    }
    width = fused_features(spec.top.fusion, shapes)
    modules[role] = build_top(spec.top.model, width, role=role, seed=spec.seed, directory=directory)
    fused = fuse(spec.top.fusion, [tuple(t.detach() for t in p.output) for p in probed.values()])
    probed[role] = probe(role, modules[role], fused, is_bottom=False)
    _check_output(spec, data, probed[role].output)
    _check_batch_norm(spec, data, modules)
    facts = Facts(
        train_rows=len(data.train_ids),
        test_rows=len(data.test_ids),
        roles={name: each.facts for name, each in probed.items()},
    )
    return Models(modules, facts)


def _check_output(spec: Spec, data: Data, output: tuple[Tensor, ...]) -> None:
    """The top's output must fit the loss and the labels."""
    shape = list(output[0].shape[1:])
    wanted = [len(data.classes)] if spec.top.loss == "cross_entropy" else [1]
    if len(output) > 1 or shape != wanted:
        given = " and ".join(str(list(tensor.shape[1:])) for tensor in output)
        raise ModelError(
            f"{top_name(spec)} gives {given} per row, and {spec.top.loss} with "
            f"{len(data.classes) or 'numeric'} label values wants {wanted}; "
            f"set top.model.out to {wanted[0]}, or without a top model the bottoms' out"
        )


def _check_batch_norm(spec: Spec, data: Data, modules: Mapping[str, nn.Module]) -> None:
    norm = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the one base of them all
    normed = [
        role
        for role, module in modules.items()
        if any(isinstance(layer, norm) for layer in module.modules())
    ]
    if not normed:
        return
    if effective_micro_batches(spec) > 1:
        what = f"{normed[0]} has BatchNorm, whose statistics would be those of a micro-batch"
        remedy = "use LayerNorm, or another schedule"
        raise SpecError([Problem(("pipeline", "micro_batches"), what, remedy)])
    if len(data.train_ids) % spec.dataset.batch_size == 1:
        what = (
            f"the last batch of an epoch has 1 of the {len(data.train_ids)} training rows, "
            f"and {normed[0]} has BatchNorm, which needs 2"
        )
        raise SpecError([Problem(("dataset", "batch_size"), what, "choose another batch size")])
