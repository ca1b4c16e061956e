"""What a spec measures by, ready to be computed: its loss, and metrics that are classes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor

from splitrun.errors import ModelError, Problem
from splitrun.errors import Path as SpecPath
from splitrun.model.metrics import Array, Figure, Weights, as_arrays
from splitrun.spec import Spec, own_metrics
from splitrun.spec.measures import LossSection

LOSS: SpecPath = ("top", "loss")


def metric_place(index: int) -> SpecPath:
    """Where in a spec this of its metrics is."""
    return ("training", "metrics", index)


@contextmanager
def placed(place: SpecPath) -> Iterator[None]:
    """Problems that are located in a section, at its place in the spec."""
    try:
        yield
    except ModelError as error:
        problems = [Problem((*place, *it.path), it.what, it.remedy) for it in error.problems]
        raise ModelError(problems) from error.__cause__


def loss_of(spec: Spec, directory: Path) -> LossSection:
    """The loss, with the class that it may be.

    Args:
        directory: where classes are looked up first.

    Raises:
        ModelError: the class cannot be imported or built.
    """
    with placed(LOSS):
        return spec.top.loss.built(directory)


def own_figures(
    spec: Spec, directory: Path, restored: Callable[[Tensor], Tensor]
) -> Mapping[str, Figure]:
    """What computes the metrics that are classes, by their names.

    Args:
        directory: where classes are looked up first.
        restored: makes numbers that are predicted, and labels that are, ones in the target's units.

    Raises:
        ModelError: a class cannot be imported or built.
    """
    made: dict[str, Figure] = {}
    for index, section in own_metrics(spec).items():
        with placed(metric_place(index)):
            figure = section.built(directory)
        in_units = spec.top.loss.labels == "numbers"
        made[section.name] = _in_units(figure, restored) if in_units else figure
    return made


def try_measures(
    spec: Spec,
    directory: Path,
    outputs: Tensor,
    labels: Tensor,
    restored: Callable[[Tensor], Tensor],
) -> None:
    """Try the loss and the metrics that are classes; see `custom.measure_trial`.

    Args:
        directory: where classes are looked up first.
        outputs: of the top, for the first of these rows: they serve the others, too.
        labels: of training rows.
        restored: see `own_figures`.

    Raises:
        ModelError: one cannot be used.
    """
    rows = min(len(outputs), len(labels))
    with placed(LOSS):
        spec.top.loss.try_out(directory, outputs[:rows], labels[:rows])
    if not (sections := own_metrics(spec)):
        return
    for_all = outputs[torch.arange(len(labels)) % rows]
    arrays = as_arrays(loss_of(spec, directory), for_all, labels)
    if spec.top.loss.labels == "numbers":
        arrays = _restored(arrays, restored)
    for index, section in sections.items():
        with placed(metric_place(index)):
            section.try_out(directory, *arrays)


def _in_units(figure: Figure, restored: Callable[[Tensor], Tensor]) -> Figure:
    def of_numbers(truth: Array, predicted: Array, weights: Weights) -> float:
        return figure(*_restored((truth, predicted), restored), weights)

    return of_numbers


def _restored(
    arrays: tuple[Array, Array], restored: Callable[[Tensor], Tensor]
) -> tuple[Array, Array]:
    truth, predicted = (restored(torch.tensor(array)).numpy() for array in arrays)
    return truth, predicted
