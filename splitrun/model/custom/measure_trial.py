"""Losses and metrics of a user's, tried before a run: what they give, of what, and whether it is
the same again.

A loss has to be one of rows: micro-batches, weights and evaluations put rows together in other ways
than batches do. It has nothing that learns and keeps nothing, as nobody would update or save that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from splitrun.errors import ModelError, Problem, one_line
from splitrun.errors import Path as SpecPath
from splitrun.model.custom import surroundings
from splitrun.model.custom.measures import CustomLoss, misshapen
from splitrun.model.custom.python_state import changed, python_state
from splitrun.model.metrics import Array, Figure, Weights
from splitrun.model.randomness import draws_random
from splitrun.model.state import fingerprint, parameters_of
from splitrun.spec.section import CLASS_TAG

_TOLERANCE = 1e-4
"""By which a row's loss may differ where it stands among others: sums may be rounded otherwise."""


def try_loss(
    build: Callable[[], CustomLoss], outputs: Tensor, labels: Tensor, directory: Path
) -> None:
    """Compute a loss, as training and evaluations do.

    Args:
        build: makes an instance from the spec.
        outputs: of the top, for the rows of `labels`.
        directory: of the spec; an error names the line of a module in it.

    Raises:
        ModelError: it fails, or cannot be trained with; located in its section.
    """
    loss = build()
    with _undisturbed(loss.class_):
        holder = _Holder(loss.called)
        if learning := [name for name, it in parameters_of(holder).items() if it.requires_grad]:
            what = f"has parameters that learn ({_named(learning[0])}), which nobody updates"
            remedy = "make them part of top.model, or buffers; requires_grad_(False) keeps them"
            raise _refused(loss.class_, what, remedy)
        before, contents = python_state(holder), fingerprint(holder)
        found: list[Tensor] = []

        def compute() -> None:
            found.extend(_per_row(loss, outputs, labels, directory))

        if draws_random(compute):
            what, remedy = "draws random numbers", "draw them in a module, such as top.model"
            raise _refused(loss.class_, f"{what}: its value is no measure", remedy)
        _check_values(loss, *found)
        _try_rows(loss, outputs, labels, found, directory)
        _try_predictions(loss, outputs, directory)
        kept = changed(before, python_state(holder))
        if kept or fingerprint(holder) != contents:
            what = f"changes {_named(kept[0]) if kept else 'a buffer'} when it is called"
            remedy = "let its value depend on outputs and labels alone"
            raise _refused(loss.class_, what, remedy)
        again = _per_row(build(), outputs, labels, directory)
        if not all(map(torch.equal, found, again)):
            what = "gives other numbers each time that it is built"
            raise _refused(loss.class_, what, "make it of its kwargs alone")


def _per_row(
    loss: CustomLoss, outputs: Tensor, labels: Tensor, directory: Path
) -> tuple[Tensor, Tensor]:
    """The losses of rows, `[rows]`, and the gradient of their sum by the outputs, likewise."""
    leaf = outputs.detach().clone().requires_grad_()
    given, truth = leaf.clone(), labels.clone()
    with _explained(loss.class_, f"{_shown(outputs)} and labels {_shown(labels)}", directory):
        lost = loss.called(given, truth)
        if wrong := misshapen(lost, len(outputs)):
            remedy = "give one number for each, as losses of PyTorch do with reduction: none"
            raise _refused(loss.class_, wrong, remedy)
        lost = lost.reshape(len(outputs))
        if not torch.equal(given, outputs) or not torch.equal(truth, labels):
            changes = "labels" if torch.equal(given, outputs) else "outputs"
            what = f"changes its {changes} in place"
            raise _refused(loss.class_, what, "work on a clone() of them")
        if not lost.requires_grad:
            what = "gives no gradient to the outputs"
            remedy = "compute it by PyTorch's functions, without detach(), item() or comparisons"
            raise _refused(loss.class_, what, remedy)
        (gradient,) = torch.autograd.grad(lost.sum(), leaf, allow_unused=True)
        with torch.inference_mode():
            loss.per_row(outputs.clone(), labels.clone())
    return lost.detach(), torch.zeros_like(leaf) if gradient is None else gradient


def _check_values(loss: CustomLoss, lost: Tensor, gradient: Tensor) -> None:
    for what, values in (("loss", lost), ("gradient", gradient)):
        odd = values[~values.isfinite()]
        if len(odd):
            told = f"has a {what} of {odd[0].item()} for a training row"
            remedy = "check its logarithms, roots and divisions; clamp what may be 0"
            raise _refused(loss.class_, told, remedy)
    if not gradient.any():
        what = "has a gradient of 0 for every row of the first batch, so nothing is learned"
        raise _refused(loss.class_, what, "let it depend on the outputs")


def _try_rows(
    loss: CustomLoss, outputs: Tensor, labels: Tensor, whole: list[Tensor], directory: Path
) -> None:
    """Refuse a loss whose rows depend on others."""
    rows = len(outputs)
    half = (rows + 1) // 2
    for part in {(0, half), (half, rows), (0, 1)} - {(rows, rows), (0, rows)}:
        own = slice(*part)
        alone = _per_row(loss, outputs[own], labels[own], directory)
        for mine, theirs in zip(alone, whole, strict=True):
            if not torch.allclose(mine, theirs[own], _TOLERANCE, _TOLERANCE):
                what = "gives a row another loss where it stands among other rows"
                remedy = "let it be of its own output and label alone"
                raise _refused(loss.class_, what, f"{remedy}: batches are taken apart")


def _try_predictions(loss: CustomLoss, outputs: Tensor, directory: Path) -> None:
    with _explained(loss.class_, _shown(outputs), directory, "its predictions()"):
        with torch.inference_mode():
            predicted = loss.predictions(outputs.clone())
        shape = getattr(predicted, "shape", None)
    if shape != outputs.shape:
        given = f"{list(shape)}" if shape is not None else f"a {type(predicted).__name__}"
        what = f"has predictions() that give {given} for outputs {list(outputs.shape)}"
        raise _refused(loss.class_, what, "give a tensor of the outputs' shape")


def try_metric(
    class_path: str,
    build: Callable[[], Figure],
    truth: NDArray[Any],
    predicted: Array,
    directory: Path,
) -> None:
    """Compute a metric, as evaluations do, without weights and with such of 1.

    Args:
        build: makes an instance from the spec.
        truth: labels of training rows.
        predicted: of as many.
        directory: of the spec; an error names the line of a module in it.

    Raises:
        ModelError: it fails, or is not the same again; located in its section.
    """
    with _undisturbed(class_path):
        figure = build()
        holder = _Holder(figure)
        before = python_state(holder)
        found: list[float] = []

        def compute(weights: Weights = None) -> None:
            about = f"labels {list(truth.shape)} and predictions {list(predicted.shape)}"
            about += "" if weights is None else f" with weights {list(weights.shape)}"
            with _explained(class_path, about, directory):
                value = figure(truth, predicted, weights)
                try:
                    found.append(float(value))
                except (TypeError, ValueError) as error:
                    what = f"gives a {type(value).__name__}"
                    raise _refused(class_path, what, "give one number") from error

        if draws_random(compute):
            what = "draws random numbers: its value is no measure"
            raise _refused(class_path, what, "draw from a generator that is seeded at each call")
        if kept := changed(before, python_state(holder)):
            what = f"changes {_named(kept[0])} when it is called"
            raise _refused(class_path, what, "let every evaluation stand for itself")
        compute(_ones(len(truth)))
        compute()
    if found[0] != found[-1] and not np.isnan(found[0]):
        what = f"gives {found[0]:g} and then {found[-1]:g} of the same rows"
        raise _refused(class_path, what, "let its value depend on its arguments alone")


def _ones(rows: int) -> Weights:
    return np.ones(rows)


class _Holder(nn.Module):
    """A module that keeps somebody's object, which may be one, too."""

    def __init__(self, held: Any) -> None:
        super().__init__()
        self.held = held


def _named(key: str) -> str:
    return key.removeprefix("held.").removeprefix("held")


def _shown(tensor: Tensor) -> str:
    return f"{tensor.dtype} {list(tensor.shape)}".removeprefix("torch.")


@contextmanager
def _explained(
    class_path: str, given: str, directory: Path, what: str = "its __call__() or forward()"
) -> Iterator[None]:
    """What a user's code raises becomes an error of its class."""
    try:
        yield
    except ModelError:
        raise
    except (Exception, SystemExit) as error:
        why = one_line(error, str(directory.resolve()))
        raise _refused(class_path, f"fails on {given}: {why}", f"check {what}") from error


@contextmanager
def _undisturbed(class_path: str) -> Iterator[None]:
    def sets(setting: str) -> ModelError:
        what = f"calls {setting}, which would hold for every party"
        return _refused(class_path, what, "undo it there")

    with surroundings.kept(sets):
        yield


def _refused(class_path: str, what: str, remedy: str) -> ModelError:
    place: SpecPath = (CLASS_TAG,)
    return ModelError([Problem(place, f"{class_path} {what}", remedy)])
