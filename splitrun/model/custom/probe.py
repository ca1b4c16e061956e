"""What trials of a user's class tell, and whether it can be used as the spec wants.

One of them: whether a module goes on as it was once its parameters and buffers have been given back
to it. A checkpoint holds those, and what `get_extra_state()` gives. A module that counts its
forwards in an attribute, or keeps a running mean there, would begin anew with it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path

from torch import Tensor, nn

from splitrun.errors import one_line
from splitrun.model.build import section_of
from splitrun.model.custom.python_state import changed, changed_numbers, python_state
from splitrun.model.custom.slicing import why_not_sliced
from splitrun.model.custom.stashing import is_repeatable, why_not_stashed
from splitrun.model.custom.trial import (
    Pristine,
    Trials,
    difference,
    disturb,
    generic_gradients,
    graph_nodes,
    learning,
    rolled,
    same,
    step,
)
from splitrun.model.eager import backward
from splitrun.model.probe import Probed, Use, explained, gradient_bytes, probe, refused_model
from splitrun.model.randomness import draws_random, seeded_apart
from splitrun.model.state import (
    Tensors,
    as_tensors,
    buffer_contents,
    extra_states,
    fill,
    is_state,
    named_tensors,
    own,
    parameters_of,
    set_extra_states,
)
from splitrun.plan import RoleFacts

Undisturbed = Callable[[], AbstractContextManager[None]]
"""Within it a user's code runs, which must not set what belongs to all parties."""


@dataclass(frozen=True)
class Tried(Probed):
    """What was found out of a user's class."""

    first: Pristine
    """What its first instance was when it was new."""


def probe_custom(
    role: str,
    build: Callable[[], nn.Module],
    inputs: Tensors,
    use: Use,
    directory: Path,
    *,
    undisturbed: Undisturbed,
    check: Callable[[nn.Module], None],
) -> Tried:
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
        probed = probe(role, module, inputs, use, directory)
        moved = bool(changed(before, python_state(module)))
        facts = _of_custom(role, trials, inputs, probed.facts, directory)
        facts = replace(
            facts, leaves_traces=facts.leaves_traces or moved, woken=trials.woken(module)
        )
        kind = type(module)
        explained(role, kind, inputs, lambda: _try(role, trials, inputs, use, facts), directory)
        if use.is_bottom and use.pipelined:
            facts = replace(facts, repeatable=is_repeatable(trials, facts.saved, inputs))
    return Tried(facts, probed.output, trials.first)


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
            draws = draws_random(lambda: backward(*pairs))
            recomputes = graph_nodes() != nodes
        gradients = {name: each.grad for name, each in parameters_of(module).items()}

    explained(role, type(module), inputs, run, directory)
    if draws:
        what = "its backward draws random numbers, which are others than its forward's"
        remedy = "draw them in forward() and keep them; checkpoint() with preserve_rng_state=True"
        raise refused_model(section_of(role), what, remedy)
    parameters = parameters_of(module)
    if made := sorted(set(parameters) - names):
        what = f"its forward() makes its parameter {made[0]}, which no optimizer knows"
        raise refused_model(section_of(role), what, "make it in __init__()")
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
        raise refused_model(path, f"random numbers of its own: {what}", remedy)
    if use.pipelined and use.is_bottom and (why := why_not_stashed(trials, facts.saved, inputs)):
        remedy = "change it, or give this party depth 1"
        raise refused_model(path, f"cannot be pipelined: {why}", remedy)
    if use.slices > 1 and (why := why_not_sliced(trials, inputs, use.slices, use.precision)):
        what = f"{role} learns something else of micro-batches than of whole batches: {why}"
        remedy = "let no row depend on others, or use another schedule"
        raise refused_model(("pipeline", "micro_batches"), what, remedy)
    if use.checkpointed and (what := what_is_lost(trials, inputs)):
        what = f"{role} cannot be resumed from a checkpoint: {what} would be lost"
        remedy = "keep it in a buffer, or give it as get_extra_state(); or remove `checkpoint`"
        raise refused_model(("checkpoint",), what, remedy)


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
        what = f"its parameters() fails: {one_line(error)}"
        raise refused_model(section_of(role), what, "leave it as torch.nn.Module has it") from error
    if strange:
        kind = type(strange[0]).__name__
        what = f"its parameters() gives a {kind} that is none of its parameters"
        raise refused_model(section_of(role), what, "let it give parameters of its layers alone")
    for layer, state in extra_states(module).items():
        if not is_state(state):
            what = f"get_extra_state() of {layer or 'it'} gives what no file of ours can hold"
            remedy = "give tensors, numbers and text, in dicts, lists and tuples"
            raise refused_model(section_of(role), what, remedy)


_STEPS = 3
"""After which a module's state is taken."""


def what_is_lost(trials: Trials, inputs: Tensors) -> str:
    """What a resumed run would be without; empty if nothing.

    Args:
        inputs: a batch.
    """
    module = trials.instance()
    for number in range(_STEPS):
        before = python_state(module)
        step(module, rolled(inputs, number), number)
        disturb(module, "updates", number)
    moved = set(changed_numbers(before, python_state(module)))
    other = trials.build()
    try:
        _give(module, other)
    except RuntimeError:  # another network every time, which is refused for that
        return ""
    other.train()
    kept, found = python_state(module), python_state(other)
    lost = [name for name in moved if kept[name] != found.get(name)]
    if lost:
        return f"its attribute {min(lost)}"
    here, there = step(module, inputs, _STEPS), step(other, inputs, _STEPS)
    return difference(here, there) and "what it keeps beside parameters and buffers"


def _give(module: nn.Module, other: nn.Module) -> None:
    """What a checkpoint of one module holds, to another."""
    fill(other, {name: tensor.detach() for name, tensor in named_tensors(module).items()})
    set_extra_states(other, extra_states(module))
    for (_, mine), (_, theirs) in zip(
        nn.Module.named_parameters(module), nn.Module.named_parameters(other), strict=True
    ):
        theirs.requires_grad_(mine.requires_grad)
