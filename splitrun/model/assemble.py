"""All models of a spec, built and probed together: the top's width follows from the cuts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from splitrun.data import Data, InputShape, gather
from splitrun.errors import ModelError, Problem, SpecError
from splitrun.model.bottom_stage import BottomStage
from splitrun.model.build import build_model, refused, section_of, undisturbed
from splitrun.model.custom.probe import probe_custom
from splitrun.model.custom.trial import differs_from_the_first
from splitrun.model.footprint import optimizer_bytes
from splitrun.model.fusion import fuse, fused_features
from splitrun.model.probe import Probed, Use, probe
from splitrun.model.role_optimizer import RoleOptimizer, sparse_tables
from splitrun.model.state import parameters_of
from splitrun.model.tensors import Tensors
from splitrun.model.top_stage import TopStage
from splitrun.plan import Facts, Plan, Role, RoleFacts, bottom_name, top_name
from splitrun.spec import (
    Spec,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    optimizer_of,
)
from splitrun.spec.contracts import ModelSection, OptimizerSection, RuleSection


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
                steps=plan.steps,
                alone=self._alone(role.name),
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
            alone=self._alone(plan.top.name),
        )
        return bottoms, top

    def _alone(self, role: str) -> bool:
        """Whether no other role may touch the random generators."""
        others = (each for name, each in self.facts.roles.items() if name != role)
        return not any(each.is_custom or each.draws_random for each in others)

    def _optimizer(self, spec: Spec, plan: Plan, role: Role) -> RoleOptimizer:
        return RoleOptimizer(
            self.modules[role.name],
            optimizer_of(spec, None if role.kind == "top" else role.party),
            spec.training.lr_schedule,
            steps_per_epoch=plan.steps_per_epoch,
            steps=plan.steps,
            rules=role.rules,
            staleness=partial(plan.staleness, role),
            sparse=plan.role_facts(role.name).sparse,
        )


@dataclass(frozen=True)
class _Candidate:
    """A role's model that is to be found out about."""

    role: str
    section: ModelSection | None
    optimizer: OptimizerSection
    use: Use
    build: Callable[[], nn.Module]
    rules: tuple[RuleSection, ...] = ()


def assemble(
    spec: Spec, data: Data, directory: Path, known: Mapping[str, RoleFacts] | None = None
) -> Models:
    """Build every model, and probe it on the first training rows.

    What is trained of a user's class was never run before; what was built to find out about it is
    gone by then.

    Args:
        directory: where custom classes are looked up first.
        known: facts of these models by role, found out before; then nothing is probed.

    Raises:
        ModelError: a model cannot be built, or the models do not fit together or the labels.
        SpecError: the batches do not fit BatchNorm, or an optimizer does not fit a model.
    """
    facts, modules = dict(known or {}), dict[str, nn.Module]()
    ids, outputs = data.train_ids[: spec.dataset.batch_size], []
    for party, section in spec.parties.items():
        if section.bottom is None:
            continue
        bottom = _bottom(spec, data, directory, party, section.bottom)
        if known is None:
            found = _probed(spec, data, directory, bottom, gather(data.features[party], ids))
            outputs.append(found.output)
            facts[bottom.role], modules[bottom.role] = found.facts, found.module
        else:
            modules[bottom.role] = bottom.build()
    shapes = {name: tuple(tensor.shape for tensor in facts[name].cut) for name in modules}
    top = _top(spec, directory, fused_features(spec.top.fusion, shapes))
    if known is None:
        cuts = [tuple(tensor.detach().requires_grad_() for tensor in each) for each in outputs]
        found = _probed(spec, data, directory, top, fuse(spec.top.fusion, cuts))
        _check_output(spec, data, found.output[0])
        facts[top.role], modules[top.role] = found.facts, found.module
    else:
        modules[top.role] = top.build()
    _refuse_sharing(modules)
    return Models(modules, Facts(len(data.train_ids), len(data.test_ids), facts))


def _bottom(
    spec: Spec, data: Data, directory: Path, party: str, section: ModelSection
) -> _Candidate:
    role, shape = bottom_name(party), data.inputs[party]
    if unfit := section.unfit(shape):
        raise refused(section, role, *unfit)
    rules = compensation_of(spec, party)
    use = Use(
        is_bottom=True,
        pipelined=effective_depth(spec, party) > 1 or spec.pipeline.depth == "auto",
        slices=effective_micro_batches(spec),
        checkpointed=spec.checkpoint is not None,
    )
    make = partial(build_model, section, shape, role=role, seed=spec.seed, directory=directory)
    return _Candidate(role, section, optimizer_of(spec, party), use, make, rules)


def _top(spec: Spec, directory: Path, width: int) -> _Candidate:
    role, section = top_name(spec), spec.top.model
    use = Use(
        is_bottom=False,
        slices=effective_micro_batches(spec),
        checkpointed=spec.checkpoint is not None,
    )
    inputs = InputShape(numeric=width, cardinalities=(), width=width)
    make = partial(build_model, section, inputs, role=role, seed=spec.seed, directory=directory)
    return _Candidate(role, section, optimizer_of(spec, None), use, make)


@dataclass(frozen=True)
class _Found:
    """What was found out about a candidate, and its module as it is to be trained."""

    facts: RoleFacts
    output: Tensors
    module: nn.Module


def _probed(
    spec: Spec, data: Data, directory: Path, candidate: _Candidate, inputs: Tensors
) -> _Found:
    """Probe a candidate: one of ours as it is, instances of a user's class that are then gone."""
    role, section, optimizer = candidate.role, candidate.section, candidate.optimizer

    def check(module: nn.Module) -> None:
        _refuse_sparse(role, module, sparse_tables(module), optimizer)
        _check_batch_norm(spec, data, role, module)

    if section is not None and not section.is_own:
        tried = probe_custom(
            role,
            candidate.build,
            inputs,
            candidate.use,
            directory,
            undisturbed=partial(undisturbed, section, role),
            check=check,
        )
        module = candidate.build()
        if differs_from_the_first(module, candidate.build, tried.first, inputs):
            raise _another_network(section, role)
        probed: Probed = tried
    else:
        module = candidate.build()
        check(module)
        probed = probe(role, module, inputs, candidate.use, directory)
    _refuse_sparse(role, module, probed.facts.sparse, optimizer)
    state = optimizer_bytes(module, optimizer, candidate.rules)
    return _Found(replace(probed.facts, optimizer_bytes=state), probed.output, module)


def _refuse_sparse(
    role: str, module: nn.Module, sparse: Collection[str], optimizer: OptimizerSection
) -> None:
    """Refuse sparse gradients where the optimizer takes none."""
    if why := bool(sparse) and optimizer.refuses_sparse:
        layers = sparse_tables(module)
        has = "a sparse embedding" if layers else f"sparse gradients of {next(iter(sparse))}"
        what = f"{why}, and {type(module).__name__} has {has}"
        remedy = "use sparse_adam, plain sgd or adagrad for it, or sparse=False"
        raise ModelError([Problem(section_of(role), what, remedy)])


def _another_network(section: ModelSection, role: str) -> ModelError:
    what = (
        f"{section.title} builds another network every time: its layers or initial weights differ"
    )
    remedy = (
        "make them of its kwargs and of PyTorch's, NumPy's and Python's global generators alone"
    )
    return refused(section, role, what, remedy)


def _refuse_sharing(modules: Mapping[str, nn.Module]) -> None:
    """Roles are apart: in attempt they are on other machines. And within a role every parameter has
    versions of its own, which would part two in the same memory."""
    owners: dict[int, tuple[str, str]] = {}
    for role, module in modules.items():
        for name, parameter in parameters_of(module).items():
            owner, other = owners.setdefault(parameter.untyped_storage().data_ptr(), (role, name))
            if not parameter.numel() or (owner, other) == (role, name):
                continue
            what = f"its parameter {name} lies in the memory of {other}"
            remedy = "tie weights by one Parameter under both names, or copy"
            if owner != role:
                what = f"its parameter {name} is one of {owner}'s, too"
                remedy = "build one for each role"
            raise ModelError([Problem(section_of(role), what, remedy)])


def _check_output(spec: Spec, data: Data, output: Tensor) -> None:
    """The top's output must fit the loss and the labels."""
    shape = list(output.shape[1:])
    loss = spec.top.loss
    wanted = loss.width(len(data.classes))
    if shape == [wanted] or (wanted is None and len(shape) == 1):
        return
    model = spec.top.model
    path = (*section_of(top_name(spec)), *(model.width_key if model else ()))
    labels = f"{len(data.classes)} classes" if data.classes else "numbers"
    what = f"the output is {shape} per row, and {loss.type} over {labels} takes [{wanted}]"
    remedy = f"make it {wanted} wide" if model else "add a top model, or change the bottoms' out"
    raise ModelError([Problem(path, what, remedy)])


def _check_batch_norm(spec: Spec, data: Data, role: str, module: nn.Module) -> None:
    """What a custom class holds is known only now."""
    norm = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the one base of them all
    layers = [layer for layer in nn.Module.modules(module) if isinstance(layer, norm)]
    if not any(layer.training for layer in layers):  # those that are frozen have no statistics
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
