"""What the weights are to be, by plain PyTorch: of splitrun only data, seeds and batches are used.

`sequential` is the loop that everybody writes. `sliced` gathers the gradients of a batch's slices.
`delayed` applies every gradient late, and takes it at the weights and in the state of its forward:
a copy of the bottom is made before each forward (a stash), which no later forward or update can
reach. The stash's forward is the one that counts; the live module's, on the same batch and the same
random numbers, brings its buffers and Python state on, once for each forward.
"""

from __future__ import annotations

import copy
import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from torch import Tensor, nn
from torch.nn import functional

from splitrun.data import BatchOrder, EvaluationOrder
from splitrun.seeds import derive_seed
from splitrun.spec import loads
from tests.data.loading import Loaded, load_data
from tests.habits.course import BATCH_SIZE, LEARNING_RATES, SEED, Course, content
from tests.habits.habit import Habit
from tests.habits.loading import MODULES, beside, class_of, process_of_its_own, wanted

Weights = dict[str, dict[str, Tensor]]
"""By role and name: parameters and buffers."""

ALICE, BOB, TOP = "alice.bottom", "bob.bottom", "alice.top"
_EVALUATION_ROWS = 4096


def weights(habit: Habit, course: Course) -> Weights:
    """What a run of this course has to end with."""
    with process_of_its_own(), beside(MODULES):
        run = _Run(habit, course)
        match course.schedule:
            case "sequential":
                run.sequential()
            case "microbatch":
                run.sliced(course.micro_batches)
            case "stale":
                run.delayed(course.depth)
        return run.weights()


class _Side:
    """One role: its module, how to build it again, its optimizer."""

    def __init__(self, role: str, make: Callable[[], nn.Module], optimizer: str) -> None:
        self.role, self.make = role, make
        self.module = self.built()
        parameters = list(self.module.parameters())
        self._optimizers = _optimizers(self.module, parameters, optimizer) if parameters else []

    def built(self) -> nn.Module:
        """The module at its initial weights; what its class does to PyTorch is its own affair."""
        dtype = torch.get_default_dtype()
        _seed("weights", self.role)
        try:
            return self.make()
        finally:
            torch.set_default_dtype(dtype)

    def forward(self, step: int, micro: int, *inputs: Tensor) -> Any:
        _seed("forward", self.role, step, micro)
        return self.module(*inputs)

    def predict(self, batch: int, *inputs: Tensor) -> Any:
        _seed("predict", self.role, batch)
        with torch.no_grad():
            return self.module(*inputs)

    def update(self) -> None:
        for optimizer in self._optimizers:
            optimizer.step()
        for parameter in self.module.parameters():
            parameter.grad = None


@dataclass(frozen=True)
class _Stash:
    """A bottom as it was in one forward, and what that forward gave."""

    module: nn.Module
    cut: tuple[Tensor, ...]


class _Run:
    def __init__(self, habit: Habit, course: Course) -> None:
        self.habit, self.course = habit, course
        data = self.data = _data(yaml.safe_dump(content(habit, Course(), "serial")))
        self.order = BatchOrder(data.train_ids, BATCH_SIZE, SEED)
        alice = data.inputs["alice"].width
        self.bottoms = [_Side(ALICE, lambda: _mlp(alice, 16, 8), "adam")]
        if habit.role == "bottom":
            self.bottoms.append(_Side(BOB, self._custom, habit.optimizer))
        else:
            bob = data.inputs["bob"].width
            self.bottoms.append(_Side(BOB, lambda: _mlp(bob, 16, 4), "adam"))
        self._top: _Side | None = None

    def _custom(self, **offered: int) -> nn.Module:
        shape = self.data.inputs["bob"]
        offer: dict[str, Any] = offered or {
            "in_features": shape.width,
            "numeric": shape.numeric,
            "cardinalities": shape.cardinalities,
        }
        twin = {"twin": True} if self.habit.stash == "twin" else {}
        made = class_of(self.habit)
        arguments = wanted(made, offer) | copy.deepcopy(dict(self.habit.kwargs)) | twin
        module: nn.Module = made(**arguments)
        return module

    def top(self, width: int) -> _Side:
        """It is built when it is first needed: then the cuts tell how wide it is."""
        if self._top is None:
            if self.habit.role == "top":
                make = lambda: self._custom(in_features=width)  # noqa: E731
                self._top = _Side(TOP, make, self.habit.optimizer)
            else:
                self._top = _Side(TOP, lambda: _mlp(width, 8, 1), "adam")
            self._top.module.train()
        return self._top

    @property
    def sides(self) -> list[_Side]:
        return [*self.bottoms, *([self._top] if self._top else [])]

    def weights(self) -> Weights:
        return {
            side.role: {
                name: tensor.detach().clone()
                for named in (
                    nn.Module.named_parameters(side.module),
                    nn.Module.named_buffers(side.module),
                )
                for name, tensor in named
            }
            for side in self.sides
        }

    def sequential(self) -> None:
        """Forward, backward, update."""
        for segment in self.course.segments():
            self._train(segment)
            for step in segment:
                cuts = [_tensors(side.forward(step, 0, *it)) for side, it in self._inputs(step)]
                self._loss(step, 0, cuts, self._labels(step)).backward()  # type: ignore[no-untyped-call]
                for side in self.sides:
                    side.update()
            self._evaluate(segment)

    def sliced(self, micro_batches: int) -> None:
        """Forwards of all slices, then their backwards, then one update."""
        for segment in self.course.segments():
            self._train(segment)
            for step in segment:
                labels = self._labels(step)
                bounds = [m * len(labels) // micro_batches for m in range(micro_batches + 1)]
                slices = [slice(*pair) for pair in pairwise(bounds)]
                cuts = [
                    [
                        _tensors(side.forward(step, m, *(x[rows].clone() for x in inputs)))
                        for m, rows in enumerate(slices)
                    ]
                    for side, inputs in self._inputs(step)
                ]
                for m, rows in enumerate(slices):
                    part = labels[rows]
                    loss = self._loss(step, m, [cut[m] for cut in cuts], part)
                    torch.autograd.backward(loss * (len(part) / len(labels)))
                for side in self.sides:
                    side.update()
            self._evaluate(segment)

    def delayed(self, depth: int) -> None:
        """A forward runs `depth` steps ahead of the update, and its backward sees what it saw."""
        for segment in self.course.segments():
            self._train(segment)
            flying: deque[list[_Stash]] = deque()
            for step in segment[:depth]:
                flying.append(self._stashed(step))
            for step in segment:
                stashes = flying.popleft()
                leaves = [[it.detach().requires_grad_() for it in each.cut] for each in stashes]
                torch.autograd.backward(self._loss(step, 0, leaves, self._labels(step)))
                for side, stash, leaf in zip(self.bottoms, stashes, leaves, strict=True):
                    _gradients(side.module, stash, leaf)
                for side in self.sides:
                    side.update()
                if step + depth in segment:
                    flying.append(self._stashed(step + depth))
            self._evaluate(segment)

    def _stashed(self, step: int) -> list[_Stash]:
        stashes = []
        for side, inputs in self._inputs(step):
            module = self._copy(side)
            _seed("forward", side.role, step, 0)
            cut = _tensors(module(*[tensor.clone() for tensor in inputs]))
            side.forward(step, 0, *inputs)
            stashes.append(_Stash(module, cut))
        return stashes

    def _copy(self, side: _Side) -> nn.Module:
        if self.habit.stash != "build" or side.role != BOB:
            return copy.deepcopy(side.module)
        module = side.built()
        _take_over(module, side.module)
        return module

    def _loss(
        self, step: int, micro: int, cuts: Sequence[Iterable[Tensor]], labels: Tensor
    ) -> Tensor:
        fused = torch.cat([tensor for cut in cuts for tensor in cut], dim=-1)
        logits = self.top(fused.shape[-1]).forward(step, micro, fused)
        return functional.binary_cross_entropy_with_logits(logits, labels)

    def _inputs(self, step: int) -> list[tuple[_Side, tuple[Tensor, ...]]]:
        ids = self.order.ids_at(step)
        return [(side, self._features(side, ids)) for side in self.bottoms]

    def _features(self, side: _Side, ids: Tensor) -> tuple[Tensor, ...]:
        return tuple(it[ids] for it in self.data.features[side.role.removesuffix(".bottom")])

    def _labels(self, step: int) -> Tensor:
        return self.data.labels[self.order.ids_at(step)]

    def _train(self, segment: range) -> None:
        """Before the first step, and after each evaluation."""
        if segment.start == 0 or self.course.evaluates_at(segment.start):
            for side in self.sides:
                side.module.train()

    def _evaluate(self, segment: range) -> None:
        if not self.course.evaluates_at(segment.stop):
            return
        for side in self.sides:
            side.module.eval()
        order = EvaluationOrder((self.data.test_ids,), _EVALUATION_ROWS)
        for batch in range(-(-len(self.data.test_ids) // _EVALUATION_ROWS)):
            ids = order.ids_at(batch)
            cuts = [
                tensor
                for side in self.bottoms
                for tensor in _tensors(side.predict(batch, *self._features(side, ids)))
            ]
            fused = torch.cat(cuts, dim=-1)
            self.top(fused.shape[-1]).predict(batch, fused)


def _mlp(width: int, hidden: int, out: int) -> nn.Module:
    return nn.Sequential(nn.Linear(width, hidden), nn.ReLU(), nn.Linear(hidden, out))


def _optimizers(
    module: nn.Module, parameters: list[nn.Parameter], name: str
) -> list[torch.optim.Optimizer]:
    lr = LEARNING_RATES[name]
    match name:
        case "sgd":
            return [torch.optim.SGD(parameters, lr=lr)]
        case "adagrad":
            return [torch.optim.Adagrad(parameters, lr=lr)]
        case "sparse_adam":
            tables = {
                id(layer.weight)
                for layer in module.modules()
                if isinstance(layer, nn.Embedding | nn.EmbeddingBag) and layer.sparse
            }
            sparse = [it for it in parameters if id(it) in tables]
            dense = [it for it in parameters if id(it) not in tables]
            both: list[torch.optim.Optimizer] = [torch.optim.SparseAdam(sparse, lr=lr)]
            return [*both, torch.optim.Adam(dense, lr=lr)] if dense else both
        case _:
            return [torch.optim.Adam(parameters, lr=lr)]


def _gradients(live: nn.Module, stash: _Stash, leaves: Sequence[Tensor]) -> None:
    """The stash's gradients, taken at its weights, become those of the live module."""
    pairs = [
        (cut, leaf.grad)
        for cut, leaf in zip(stash.cut, leaves, strict=True)
        if cut.requires_grad and leaf.grad is not None
    ]
    if pairs:
        cuts, gradients = zip(*pairs, strict=True)
        torch.autograd.backward(cuts, gradients)
    then = dict(nn.Module.named_parameters(stash.module))
    for name, parameter in nn.Module.named_parameters(live):
        parameter.grad = then[name].grad


def _take_over(module: nn.Module, live: nn.Module) -> None:
    """Give a module that was built again the live one's tensors, modes and plain attributes."""
    with torch.no_grad():
        theirs = dict(nn.Module.named_parameters(live))
        for name, parameter in nn.Module.named_parameters(module):
            parameter.copy_(theirs[name]).requires_grad_(theirs[name].requires_grad)
    layers = dict(live.named_modules())
    for name, layer in module.named_modules():
        for key, buffer in layers[name]._buffers.items():
            layer._buffers[key] = None if buffer is None else buffer.detach().clone()
        plain = {
            key: value
            for key, value in vars(layers[name]).items()
            if isinstance(value, bool | int | float | str)
        }
        vars(layer).update(plain)


def _tensors(output: Any) -> tuple[Tensor, ...]:
    return (output,) if isinstance(output, Tensor) else tuple(output)


def _seed(*stream: str | int) -> None:
    """Torch's, NumPy's and Python's generators, for what comes next."""
    seed = derive_seed(SEED, *stream)
    torch.default_generator.manual_seed(seed)  # torch.manual_seed looks for other devices each time
    np.random.seed(seed % 2**32)
    random.seed(seed)


@cache
def _data(spec: str) -> Loaded:
    return load_data(loads(spec, "habit.yaml").spec, Path())
