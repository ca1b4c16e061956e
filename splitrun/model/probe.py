"""What a step of a model tells: its cut, the parameters it saves, its randomness."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem, told
from splitrun.errors import Path as SpecPath
from splitrun.model.build import section_of
from splitrun.model.footprint import activation_bytes, gradient_bytes
from splitrun.model.optimizer import sparse_tables
from splitrun.model.python_state import changed, python_state
from splitrun.model.randomness import draws_random, seeded_apart
from splitrun.model.resuming import what_is_lost
from splitrun.model.slicing import why_not_sliced
from splitrun.model.stashing import is_repeatable, why_not_stashed
from splitrun.model.state import extra_states, is_state, parameters_of
from splitrun.model.tensors import Tensors, as_tensors
from splitrun.model.trial import (
    Pristine,
    Trials,
    buffer_contents,
    difference,
    generic_gradients,
    graph_nodes,
    learning,
    own,
    same,
    step,
)
from splitrun.model.versions import saved_parameters
from splitrun.plan import RoleFacts, TensorFacts

Undisturbed = Callable[[], AbstractContextManager[None]]
"""Within it a user's code runs, which must not set what belongs to all parties."""


@dataclass(frozen=True)
class Use:
    """How a role's module is going to be run."""

    is_bottom: bool
    pipelined: bool = False
    """More than one batch will be in flight."""
    slices: int = 1
    """Micro-batches of a batch."""
    checkpointed: bool = False
    """The run may be resumed."""


@dataclass(frozen=True)
class Probed:
    """A model's facts, and what it gave for the probed batch."""

    facts: RoleFacts
    output: Tensors
    first: Pristine | None = None
    """Of a user's class: what its first instance was when it was new."""


def probe(role: str, module: nn.Module, inputs: Tensors, use: Use, directory: Path) -> Probed:
    """Run one of our own modules, in training and in evaluation; it is as before afterwards.

    Raises:
        ModelError: the forward fails, as it does where memory is short.
    """
    before = buffer_contents(module)
    probed = _probe(role, module, inputs, use, directory)
    for name, buffer in nn.Module.named_buffers(module):
        buffer.copy_(before[name])
    module.train()
    return probed


def probe_custom(
    role: str,
    build: Callable[[], nn.Module],
    inputs: Tensors,
    use: Use,
    directory: Path,
    *,
    undisturbed: Undisturbed,
    check: Callable[[nn.Module], None],
) -> Probed:
    """Run instances of a user's class, made for it and dropped, and try whether it can be used so.

    Args:
        build: makes an instance from the spec.
        use: what is tried.
        directory: of the spec; an error names the line of a module in it.
        undisturbed: around all that runs the class's code.
        check: raises for an instance that cannot be trained.

    Raises:
        ModelError: the forward fails, or gives something else than float tensors of as many rows
            that gradients can flow back from; a top's gives one of them. Or batches in flight,
            micro-batches or a resumed run would give it other gradients than plain PyTorch does.
    """
    with undisturbed(), Trials(build) as trials:
        module = trials.instance()
        check(module)
        _check_parameters(role, module)
        before = python_state(module)
        probed = _probe(role, module, inputs, use, directory)
        moved = bool(changed(before, python_state(module)))
        facts = _of_custom(role, trials, inputs, probed.facts, directory)
        facts = replace(
            facts, leaves_traces=facts.leaves_traces or moved, woken=trials.woken(module)
        )
        kind = type(module)
        _explained(role, kind, inputs, lambda: _try(role, trials, inputs, use, facts), directory)
        if use.is_bottom and use.pipelined:
            facts = replace(facts, repeatable=is_repeatable(trials, facts.saved, inputs))
    return Probed(facts, probed.output, trials.first)


def _probe(role: str, module: nn.Module, inputs: Tensors, use: Use, directory: Path) -> Probed:
    saved: tuple[str, ...] = ()
    output: Any = None

    def forward() -> None:
        nonlocal saved, output
        module.train()
        output = module(*own(inputs))
        saved, _ = saved_parameters(module, own(inputs))

    def predict() -> None:
        module.eval()
        with torch.no_grad():
            module(*own(inputs))

    kind = type(module)
    random = draws_random(lambda: _explained(role, kind, inputs, forward, directory))
    tensors = _checked(role, module, output, rows=len(inputs[0]), is_bottom=use.is_bottom)
    _refuse_aliases(role, module, tensors)
    kept = activation_bytes(module, own(inputs))
    random |= draws_random(lambda: _explained(role, kind, inputs, predict, directory))
    parameters = parameters_of(module)
    predictable = _predictable(module) if use.is_bottom else ()
    sparse = sparse_tables(module)
    facts = RoleFacts(
        parameters=sum(parameter.numel() for parameter in parameters.values()),
        parameter_bytes=sum(parameter.nbytes for parameter in parameters.values()),
        saved=saved if use.is_bottom else (),
        saved_bytes=sum(parameters[name].nbytes for name in saved) if use.is_bottom else 0,
        draws_random=random,
        cut=_cut(tensors) if use.is_bottom else (),
        predictable=predictable,
        unsaved_predictable_bytes=sum(
            parameters[name].nbytes for name in predictable if name not in saved
        ),
        buffer_bytes=sum(buffer.nbytes for buffer in buffer_contents(module).values()),
        gradient_bytes=gradient_bytes(module, sparse),
        activation_bytes_per_row=kept / len(inputs[0]),
        input_bytes_per_row=sum(tensor.nbytes for tensor in inputs) / len(inputs[0]),
        sparse=sparse,
    )
    return Probed(facts, tensors)


def _of_custom(
    role: str, trials: Trials, inputs: Tensors, facts: RoleFacts, directory: Path
) -> RoleFacts:
    """The facts, with what only a backward tells, and with versions of all that learns."""
    module = trials.instance()
    names = set(parameters_of(module))
    buffers = buffer_contents(module)
    gradients: Mapping[str, Tensor | None] = {}
    draws, recomputes = False, False

    def run() -> None:
        nonlocal gradients, draws, recomputes
        with seeded_apart("trial", "forward"):
            outputs = as_tensors(module(*own(inputs)))
        pairs = learning(outputs, generic_gradients(outputs))
        if pairs[0]:
            nodes = graph_nodes()
            draws = draws_random(lambda: torch.autograd.backward(*pairs))
            recomputes = graph_nodes() != nodes
        gradients = {name: each.grad for name, each in parameters_of(module).items()}

    _explained(role, type(module), inputs, run, directory)
    if draws:
        what = "its backward draws random numbers, which are others than its forward's"
        remedy = "draw them in forward() and keep them; checkpoint() with preserve_rng_state=True"
        raise _refused(section_of(role), what, remedy)
    parameters = parameters_of(module)
    if made := sorted(set(parameters) - names):
        what = f"its forward() makes its parameter {made[0]}, which no optimizer knows"
        raise ModelError([Problem(section_of(role), what, "make it in __init__()")])
    sparse = {name for name, each in gradients.items() if each is not None and each.is_sparse}
    sparse.update(facts.sparse)
    if facts.cut:
        untouched = set() if recomputes else sparse.difference(facts.saved)
        saved = [n for n, each in parameters.items() if each.requires_grad and n not in untouched]
    else:
        saved = []
    after = buffer_contents(module)
    return replace(
        facts,
        saved=tuple(saved),
        saved_bytes=sum(parameters[name].nbytes for name in saved),
        unsaved_predictable_bytes=sum(
            parameters[name].nbytes for name in facts.predictable if name not in saved
        ),
        is_custom=True,
        recomputes=recomputes,
        leaves_traces=any(not same(each, after.get(name)) for name, each in buffers.items())
        or after.keys() != buffers.keys(),
        sparse=tuple(name for name in parameters if name in sparse),
        gradient_bytes=gradient_bytes(module, sparse),
    )


def _try(role: str, trials: Trials, inputs: Tensors, use: Use, facts: RoleFacts) -> None:
    """Refuse a module that would learn something else than in plain PyTorch.

    Raises:
        ModelError: it would.
    """
    path = section_of(role)
    if different := difference(*(step(trials.instance(), inputs) for _ in range(2))):
        what = f"{different} is another one each time, from the same batch, weights and seeds"
        remedy = "draw from the global generators of PyTorch, NumPy and Python alone"
        raise _refused(path, f"random numbers of its own: {what}", remedy)
    if use.pipelined and use.is_bottom and (why := why_not_stashed(trials, facts.saved, inputs)):
        raise _refused(path, f"cannot be pipelined: {why}", "change it, or give this party depth 1")
    if use.slices > 1 and (why := why_not_sliced(trials, inputs, use.slices)):
        what = f"{role} learns something else of micro-batches than of whole batches: {why}"
        remedy = "let no row depend on others, or use another schedule"
        raise _refused(("pipeline", "micro_batches"), what, remedy)
    if use.checkpointed and (what := what_is_lost(trials, inputs)):
        what = f"{role} cannot be resumed from a checkpoint: {what} would be lost"
        remedy = "keep it in a buffer, or give it as get_extra_state(); or remove `checkpoint`"
        raise _refused(("checkpoint",), what, remedy)


def _check_parameters(role: str, module: nn.Module) -> None:
    """An overridden `parameters()` may leave some out; all that it tells of must be known.

    Raises:
        ModelError: it tells of others, or not of parameters; or extra state cannot be kept.
    """
    known = set(parameters_of(module).values())
    try:
        told_of = list(module.parameters())
        strange = [each for each in told_of if not isinstance(each, Tensor) or each not in known]
    except Exception as error:
        what = f"its parameters() fails: {told(error)}"
        raise _refused(section_of(role), what, "leave it as torch.nn.Module has it") from error
    if strange:
        kind = type(strange[0]).__name__
        what = f"its parameters() gives a {kind} that is none of its parameters"
        raise _refused(section_of(role), what, "let it give parameters of its layers alone")
    for layer, state in extra_states(module).items():
        if not is_state(state):
            what = f"get_extra_state() of {layer or 'it'} gives what no file of ours can hold"
            remedy = "give tensors, numbers and text, in dicts, lists and tuples"
            raise _refused(section_of(role), what, remedy)


def _refused(path: SpecPath, what: str, remedy: str) -> ModelError:
    return ModelError([Problem(path, what, remedy)])


def _predictable(module: nn.Module) -> tuple[str, ...]:
    """Trainable parameters that no embedding looks up."""
    tables = {
        layer.weight
        for layer in nn.Module.modules(module)
        if isinstance(layer, nn.Embedding | nn.EmbeddingBag)
    }
    return tuple(
        name
        for name, parameter in parameters_of(module).items()
        if parameter.requires_grad and parameter not in tables
    )


def _cut(tensors: Tensors) -> tuple[TensorFacts, ...]:
    return tuple(TensorFacts(tuple(t.shape[1:]), t.element_size()) for t in tensors)


def _explained(
    role: str,
    kind: type[nn.Module],
    inputs: Tensors,
    action: Callable[[], None],
    directory: Path,
) -> None:
    try:
        action()
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        batch = " and ".join(_shown(tensor) for tensor in inputs)
        why = told(error, str(directory.resolve()))
        what = f"{kind.__name__} fails on a batch of {batch}: {why}"
        remedy = "check its kwargs and its forward()"
        raise ModelError([Problem(section_of(role), what, remedy)]) from error


def _checked(role: str, module: nn.Module, output: Any, *, rows: int, is_bottom: bool) -> Tensors:
    several = ", or several" if is_bottom else ""

    def refused(returned: str) -> ModelError:
        remedy = f"return a float tensor of {rows} rows and at least 1 column{several}"
        return _refused(section_of(role), f"forward() returns {returned}", remedy)

    if not isinstance(output, (Tensor, tuple, list) if is_bottom else Tensor):
        raise refused(type(output).__name__)
    tensors = as_tensors(output)
    if not tensors:
        raise refused(f"an empty {type(output).__name__}")
    for tensor in tensors:
        if not isinstance(tensor, Tensor):
            raise refused(f"{type(tensor).__name__} among its tensors")
        if tensor.ndim < 2 or len(tensor) != rows or not tensor.is_floating_point():
            raise refused(_shown(tensor))
    learns = any(parameter.requires_grad for parameter in parameters_of(module).values())
    if learns and not any(tensor.requires_grad for tensor in tensors):
        what = f"forward() returns {_shown(tensors[0])} that depends on nothing trainable"
        remedy = "leave a parameter trainable, and its result attached"
        raise _refused(section_of(role), what, remedy)
    return tensors


def _refuse_aliases(role: str, module: nn.Module, tensors: Tensors) -> None:
    """What is sent must not change when the weights do."""
    for name, tensor in {**parameters_of(module), **dict(nn.Module.named_buffers(module))}.items():
        storage = tensor.untyped_storage().data_ptr()
        if storage and any(storage == sent.untyped_storage().data_ptr() for sent in tensors):
            what = f"forward() returns {name}, or a view of it, which the next update changes"
            raise _refused(section_of(role), what, "return a clone() of it")


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")
