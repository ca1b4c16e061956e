"""All models of a spec, built and probed together: the top's width follows from the cuts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from splitrun.data import Data, InputShape, gather
from splitrun.errors import ModelError, Problem, SpecError
from splitrun.model.build import build_bottom, build_top, section_of
from splitrun.model.footprint import optimizer_bytes
from splitrun.model.fusion import fuse, fused_features
from splitrun.model.optimizer import RoleOptimizer, sparse_parameters
from splitrun.model.probe import Probed, probe
from splitrun.model.stage import BottomStage, TopStage
from splitrun.plan import Facts, Plan, Role, RoleFacts, bottom_name, top_name
from splitrun.spec import (
    Spec,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    optimizer_of,
)
from splitrun.spec.check_learning import refuses_sparse
from splitrun.spec.model import BottomModel, EmbeddingMlp, Mlp, Optimizer


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
            rules=role.rules,
            staleness=partial(plan.staleness, role),
        )


def assemble(spec: Spec, data: Data, directory: Path) -> Models:
    """Build and probe every model on the first training rows.

    Args:
        directory: where custom classes are looked up first.

    Raises:
        ModelError: a model cannot be built, or the models do not fit together or the labels.
        SpecError: the batches do not fit BatchNorm, or an optimizer does not fit a model.
    """
    ids = data.train_ids[: spec.dataset.batch_size]
    modules: dict[str, nn.Module] = {}
    probed: dict[str, Probed] = {}
    for party, section in spec.parties.items():
        if section.bottom is None:
            continue
        role, shape = bottom_name(party), data.inputs[party]
        _check_embeddings(section.bottom, shape, party)
        module = build_bottom(section.bottom, shape, role=role, seed=spec.seed, directory=directory)
        _check_training(spec, data, role, module, optimizer_of(spec, party))
        probed[role] = probe(
            role,
            module,
            gather(data.features[party], ids),
            is_bottom=True,
            pipelined=effective_depth(spec, party) > 1 or spec.pipeline.depth == "auto",
            predicted="weight_prediction" in compensation_of(spec, party),
            directory=directory,
        )
        modules[role] = module
    role = top_name(spec)
    shapes = {
        name: tuple(tensor.shape for tensor in bottom.facts.cut) for name, bottom in probed.items()
    }
    width = fused_features(spec.top.fusion, shapes)
    modules[role] = build_top(spec.top.model, width, role=role, seed=spec.seed, directory=directory)
    _check_training(spec, data, role, modules[role], optimizer_of(spec, None))
    cuts = [tuple(t.detach().requires_grad_() for t in p.output) for p in probed.values()]
    probed[role] = probe(
        role,
        modules[role],
        fuse(spec.top.fusion, cuts),
        is_bottom=False,
        pipelined=False,
        directory=directory,
    )
    _refuse_sharing(modules)
    _check_output(spec, data, probed[role].output[0])
    facts = Facts(
        train_rows=len(data.train_ids),
        test_rows=len(data.test_ids),
        roles={name: _with_state(spec, name, each.facts, modules) for name, each in probed.items()},
    )
    return Models(modules, facts)


def _with_state(
    spec: Spec, role: str, facts: RoleFacts, modules: Mapping[str, nn.Module]
) -> RoleFacts:
    """The facts, with what the role's optimizer keeps."""
    party = None if role == top_name(spec) else role.rpartition(".")[0]
    rules = compensation_of(spec, party) if party else ()
    state = optimizer_bytes(modules[role], optimizer_of(spec, party), rules)
    return replace(facts, optimizer_bytes=state)


def _refuse_sharing(modules: Mapping[str, nn.Module]) -> None:
    """Roles are apart: in life they are on other machines. And within a role every parameter has
    versions of its own, which would part two in the same memory."""
    owners: dict[int, tuple[str, str]] = {}
    for role, module in modules.items():
        for name, parameter in module.named_parameters():
            owner, other = owners.setdefault(parameter.untyped_storage().data_ptr(), (role, name))
            if not parameter.numel() or (owner, other) == (role, name):
                continue
            what = f"its parameter {name} lies in the memory of {other}"
            remedy = "tie weights by one Parameter under both names, or copy"
            if owner != role:
                what = f"its parameter {name} is one of {owner}'s, too"
                remedy = "build one for each role"
            raise ModelError([Problem(section_of(role), what, remedy)])


def _check_embeddings(model: BottomModel, shape: InputShape, party: str) -> None:
    if isinstance(model, EmbeddingMlp) and not shape.cardinalities:
        what = "embedding_mlp has nothing to embed: no column of the party is categorical"
        remedy = "list columns under dataset.categorical, or use mlp"
        raise ModelError([Problem((*section_of(bottom_name(party)), "type"), what, remedy)])


def _check_output(spec: Spec, data: Data, output: Tensor) -> None:
    """The top's output must fit the loss and the labels."""
    shape = list(output.shape[1:])
    wanted = len(data.classes) if spec.top.loss == "cross_entropy" else 1
    if shape == [wanted]:
        return
    model = spec.top.model
    path = (*section_of(top_name(spec)), *(("out",) if isinstance(model, Mlp) else ()))
    labels = f"{len(data.classes)} classes" if data.classes else "numbers"
    what = f"the output is {shape} per row, and {spec.top.loss} over {labels} takes [{wanted}]"
    remedy = f"make it {wanted} wide" if model else "add a top model, or change the bottoms' out"
    raise ModelError([Problem(path, what, remedy)])


def _check_training(
    spec: Spec, data: Data, role: str, module: nn.Module, optimizer: Optimizer
) -> None:
    """What a custom class holds is known only now: BatchNorm layers, sparse embeddings."""
    if why := sparse_parameters(module) and refuses_sparse(optimizer):
        what = f"{why}, and {type(module).__name__} has a sparse embedding"
        remedy = "use sparse_adam, plain sgd or adagrad for it, or sparse=False"
        raise ModelError([Problem(section_of(role), what, remedy)])
    norm = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the one base of them all
    if not any(isinstance(layer, norm) for layer in module.modules()):
        return
    if effective_micro_batches(spec) > 1:
        what = f"{role} has BatchNorm, whose statistics would be those of a micro-batch"
        remedy = "use LayerNorm, or another schedule"
        raise SpecError([Problem(("pipeline", "micro_batches"), what, remedy)])
    rows, batch_size = len(data.train_ids), spec.dataset.batch_size
    if (rows % batch_size or min(rows, batch_size)) == 1:
        what = (
            f"the last batch of an epoch has 1 of the {rows} training rows, "
            f"and {role} has BatchNorm, which needs 2"
        )
        raise SpecError([Problem(("dataset", "batch_size"), what, "choose another batch size")])
