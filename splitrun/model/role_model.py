"""A role's model as the spec asks for it: found out about by trial, and built to be trained.

What is found out (`probe`) is found on instances that are dropped; what is trained (`stage`) is an
instance of its own, which nobody has run.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from splitrun.data import InputShape
from splitrun.errors import ModelError, Problem, SpecError
from splitrun.errors import Path as SpecPath
from splitrun.events import party_of
from splitrun.model.bottom_stage import BottomStage
from splitrun.model.build import build_model, refuse_odd_weights, refused, section_of, undisturbed
from splitrun.model.custom.probe import probe_custom
from splitrun.model.custom.stages import CustomBottomStage, CustomTopStage
from splitrun.model.custom.trial import differs_from_the_first
from splitrun.model.measures import loss_of
from splitrun.model.precision import in_precision
from splitrun.model.probe import Probed, Use, optimizer_bytes, probe
from splitrun.model.role_optimizer import RoleOptimizer, sparse_tables
from splitrun.model.stage import Stage
from splitrun.model.start import Start
from splitrun.model.state import Tensors, parameters_of
from splitrun.model.top_stage import TopStage, fuse, fused_features
from splitrun.plan import Plan, RoleFacts, TensorFacts, bottom_name, top_name
from splitrun.seeds import derive_seed
from splitrun.spec import (
    Spec,
    clip_of,
    compensation_of,
    effective_depth,
    effective_micro_batches,
    optimizer_of,
)
from splitrun.spec.contracts import ModelSection, OptimizerSection
from splitrun.spec.model import PartySection, Top
from splitrun.spec.training import Precision

Cuts = Mapping[str, tuple[TensorFacts, ...]]
"""What every bottom sends, by role, in the parties' order."""


@dataclass(frozen=True)
class RoleModel:
    """The model of one role."""

    spec: Spec
    role: str
    section: ModelSection | None
    directory: Path
    """Where a custom class is looked up first."""
    use: Use
    build: Callable[[], nn.Module]
    """Makes an instance with its initial weights, in training mode."""

    @property
    def is_custom(self) -> bool:
        """Whether it is a class of the user's."""
        return self.section is not None and not self.section.is_own

    @property
    def _party(self) -> str:
        return party_of(self.role)

    @property
    def _optimizer(self) -> OptimizerSection:
        return optimizer_of(self.spec, self._party if self.use.is_bottom else None)

    def probe(self, inputs: Tensors, train_rows: int) -> Probed:
        """Find out about the model on a batch: one of ours as it is, instances of a user's class
        that are then gone.

        Args:
            inputs: the arguments of its forward.
            train_rows: of the whole run.

        Raises:
            ModelError: it cannot be built, or not be trained as the spec wants.
            SpecError: the batches do not fit BatchNorm, or its optimizer does not fit it.
        """

        def check(module: nn.Module) -> None:
            self._refuse_sparse(module, sparse_tables(module))
            _check_batch_norm(self.spec, train_rows, self.role, module)

        if self.section is not None and not self.section.is_own:
            tried = probe_custom(
                self.role,
                self.build,
                inputs,
                self.use,
                self.directory,
                undisturbed=partial(undisturbed, self.section, self.role),
                check=check,
            )
            module = self.build()
            if differs_from_the_first(module, self.build, tried.first, inputs):
                raise _another_network(self.section, self.role)
            probed: Probed = tried
        else:
            module = self.build()
            check(module)
            probed = probe(self.role, module, inputs, self.use, self.directory)
        self._refuse_sparse(module, probed.facts.sparse)
        refuse_sharing({self.role: module})
        refuse_odd_weights(self.role, module)
        rules = compensation_of(self.spec, self._party) if self.use.is_bottom else ()
        size = optimizer_bytes(module, self._optimizer, rules)
        return replace(probed, facts=replace(probed.facts, optimizer_bytes=size))

    def stage(self, plan: Plan, module: nn.Module | None = None) -> Stage:
        """The role of a plan, ready for training: a module with its optimizer.

        Args:
            module: to go on training; without it, one is built.
        """
        role = next(each for each in plan.roles if each.name == self.role)
        facts, module = plan.role_facts(role.name), self.build() if module is None else module
        optimizer = RoleOptimizer(
            module,
            self._optimizer,
            self.spec.training.lr_schedule,
            steps_per_epoch=plan.steps_per_epoch,
            steps=plan.steps,
            rules=role.rules,
            staleness=partial(plan.staleness, role),
            sparse=facts.sparse,
            clip=clip_of(self.spec, self._party if self.use.is_bottom else None),
        )
        common = (role, facts, module, optimizer, self.spec.seed)
        alone = _is_alone(role.name, plan.facts.roles)
        if self.use.is_bottom:
            if facts.is_custom:
                return CustomBottomStage(*common, steps=plan.steps, alone=alone)
            return BottomStage(*common)
        top, loss = self.spec.top, loss_of(self.spec, self.directory)
        if facts.is_custom:
            return CustomTopStage(*common, top.fusion, loss, alone=alone)
        return TopStage(*common, top.fusion, loss)

    def _refuse_sparse(self, module: nn.Module, sparse: Collection[str]) -> None:
        """Refuse sparse gradients where the optimizer takes none."""
        if why := bool(sparse) and self._optimizer.refuses_sparse:
            layers = sparse_tables(module)
            has = "a sparse embedding" if layers else f"sparse gradients of {next(iter(sparse))}"
            what = f"{why}, and {type(module).__name__} has {has}"
            remedy = "use sparse_adam, plain sgd or adagrad for it, or sparse=False"
            raise ModelError([Problem(section_of(self.role), what, remedy)])


def bottom_model(spec: Spec, party: str, shape: InputShape, directory: Path) -> RoleModel:
    """The bottom of a party, which has one.

    Args:
        shape: of the party's inputs.

    Raises:
        ModelError: it cannot take such inputs: it embeds categories, and there are none.
    """
    section, role = spec.parties[party].bottom, bottom_name(party)
    assert section is not None
    if unfit := section.unfit(shape):
        raise refused(section, role, *unfit)
    use = Use(
        is_bottom=True,
        pipelined=effective_depth(spec, party) > 1 or spec.pipeline.depth == "auto",
        slices=effective_micro_batches(spec),
        checkpointed=spec.checkpoint is not None,
        precision=spec.training.precision,
    )
    build = partial(build_model, section, shape, role=role, seed=spec.seed, directory=directory)
    start = _start(("parties", party), spec.parties[party], directory)
    begun = partial(_begun, start, build, use.precision)
    return RoleModel(spec, role, section, directory, use, begun)


def top_model(spec: Spec, cuts: Cuts, directory: Path) -> RoleModel:
    """The label holder's top, over what the bottoms send.

    Raises:
        ModelError: the cuts cannot be joined.
    """
    section, role = spec.top.model, top_name(spec)
    shapes = {name: tuple(tensor.shape for tensor in cut) for name, cut in cuts.items()}
    width = fused_features(spec.top.fusion, shapes)
    use = Use(
        is_bottom=False,
        slices=effective_micro_batches(spec),
        checkpointed=spec.checkpoint is not None,
        precision=spec.training.precision,
    )
    inputs = InputShape(numeric=width, cardinalities=(), width=width)
    build = partial(build_model, section, inputs, role=role, seed=spec.seed, directory=directory)
    start = _start(("top",), spec.top, directory)
    begun = partial(_begun, start, build, use.precision)
    return RoleModel(spec, role, section, directory, use, begun)


def _start(path: SpecPath, section: PartySection | Top, directory: Path) -> Start:
    warm = section.warm_start
    return Start(path, None if warm is None else directory / warm, section.freeze)


def _begun(start: Start, build: Callable[[], nn.Module], precision: Precision) -> nn.Module:
    return in_precision(start.of(build), precision)


def made_up(spec: Spec, cuts: Cuts, rows: int) -> Tensors:
    """Arguments for a top, made from the shapes and types of what bottoms send, and nothing else:
    numbers from the normal distribution."""
    leaves = []
    for role, cut in cuts.items():
        generator = torch.Generator().manual_seed(derive_seed("made-up cut", role))
        tensors = (
            torch.randn((rows, *tensor.shape), generator=generator).to(getattr(torch, tensor.dtype))
            for tensor in cut
        )
        leaves.append(tuple(tensor.requires_grad_() for tensor in tensors))
    return fuse(spec.top.fusion, leaves)


def check_output(spec: Spec, classes: Collection[str], output: Tensor) -> None:
    """Refuse a top whose output does not fit the loss and the labels.

    Args:
        classes: of the label; none for regression.

    Raises:
        ModelError: naming the width that fits.
    """
    shape, loss = list(output.shape[1:]), spec.top.loss
    wanted = loss.width(len(classes))
    if shape == [wanted] or (wanted is None and len(shape) == 1):
        return
    model = spec.top.model
    path = (*section_of(top_name(spec)), *(model.width_key if model else ()))
    labels = f"{len(classes)} classes" if classes else "numbers"
    what = f"the output is {shape} per row, and {loss.title} over {labels} takes [{wanted}]"
    remedy = f"make it {wanted} wide" if model else "add a top model, or change the bottoms' out"
    raise ModelError([Problem(path, what, remedy)])


def refuse_sharing(modules: Mapping[str, nn.Module]) -> None:
    """Refuse parameters in the same memory: roles are apart, and may be on machines of their own;
    and within a role every parameter has versions of its own, which would part two of them.

    Raises:
        ModelError: naming both parameters.
    """
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


def _is_alone(role: str, facts: Mapping[str, RoleFacts]) -> bool:
    """Whether no other role may touch the random generators."""
    others = (each for name, each in facts.items() if name != role)
    return not any(each.is_custom or each.draws_random for each in others)


def _another_network(section: ModelSection, role: str) -> ModelError:
    what = (
        f"{section.title} builds another network every time: its layers or initial weights differ"
    )
    remedy = (
        "make them of its kwargs and of PyTorch's, NumPy's and Python's global generators alone"
    )
    return refused(section, role, what, remedy)


def _check_batch_norm(spec: Spec, rows: int, role: str, module: nn.Module) -> None:
    """What a custom class holds is known only now."""
    norm = torch.nn.modules.batchnorm._BatchNorm  # noqa: SLF001 - the one base of them all
    layers = [layer for layer in nn.Module.modules(module) if isinstance(layer, norm)]
    if not any(layer.training for layer in layers):  # those that are frozen have no statistics
        return
    if effective_micro_batches(spec) > 1:
        what = f"{role} has BatchNorm, whose statistics would be those of a micro-batch"
        remedy = "use LayerNorm, or another schedule"
        raise SpecError([Problem(("pipeline", "micro_batches"), what, remedy)])
    batch_size = spec.dataset.batch_size
    if (rows % batch_size or min(rows, batch_size)) == 1:
        what = (
            f"the last batch of an epoch has 1 of the {rows} training rows, "
            f"and {role} has BatchNorm, which needs 2"
        )
        raise SpecError([Problem(("dataset", "batch_size"), what, "choose another batch size")])
