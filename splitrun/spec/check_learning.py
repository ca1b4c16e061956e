"""Checks on what is learned and how: loss, widths, metrics, optimizers, normalization."""

from __future__ import annotations

import math
from collections.abc import Iterator

from splitrun.errors import Path, Problem
from splitrun.spec.effective import optimizer_of
from splitrun.spec.model import (
    BankMarketingDataset,
    CustomModule,
    EmbeddingMlp,
    FileDataset,
    MlpLayers,
    Optimizer,
    Sgd,
    Spec,
    SyntheticDataset,
)
from splitrun.spec.wording import alternatives

_METRICS = {
    "binary_cross_entropy": ("auroc", "accuracy", "f1"),
    "cross_entropy": ("auroc", "accuracy", "f1"),
    "mse": ("rmse", "mae", "r2"),
}


def learning_problems(spec: Spec) -> Iterator[Problem]:
    """Settings under which the models cannot be built or cannot learn."""
    yield from _widths(spec)
    yield from _labels(spec)
    yield from _metrics(spec)
    yield from _synthetic(spec)
    yield from _optimizers(spec)
    yield from _batch_normalization(spec)


def learning_warnings(spec: Spec) -> Iterator[Problem]:
    """Settings that change nothing about what is learned."""
    dataset, training = spec.dataset, spec.training
    binary = spec.top.loss == "binary_cross_entropy"
    if isinstance(dataset, FileDataset) and dataset.positive is not None and not binary:
        what = f"has no effect with the loss {spec.top.loss}"
        yield Problem(("dataset", "positive"), what, "remove it")
    every = training.evaluate_every_epochs
    if every is not None and every > training.epochs:
        what = f"{every} is more than the {training.epochs} epochs; evaluated once, at the end"
        yield Problem(("training", "evaluate_every_epochs"), what, "lower or remove it")


def training_rows(dataset: SyntheticDataset) -> int:
    """The rows that are not held out, counted like scikit-learn's `train_test_split`."""
    return dataset.rows - math.ceil(dataset.rows * dataset.test_fraction)


def output_width(spec: Spec) -> int | None:
    """The width of what the loss is given; None where a custom class decides."""
    if spec.top.model is not None:
        return spec.top.model.out if isinstance(spec.top.model, MlpLayers) else None
    widths = _bottom_widths(spec)
    if any(width is None for width in widths.values()):
        return None
    known = [width for width in widths.values() if width is not None]
    return sum(known) if spec.top.fusion == "concat" else max(known, default=None)


def _bottom_widths(spec: Spec) -> dict[str, int | None]:
    return {
        name: party.bottom.out if isinstance(party.bottom, MlpLayers) else None
        for name, party in spec.parties.items()
        if party.bottom is not None
    }


def _widths(spec: Spec) -> Iterator[Problem]:
    widths = {name: out for name, out in _bottom_widths(spec).items() if out is not None}
    if spec.top.fusion != "concat" and len(set(widths.values())) > 1:
        given = ", ".join(f"{out} ({name})" for name, out in widths.items())
        what = f"{spec.top.fusion} needs bottoms of one width, not {given}"
        yield Problem(("top", "fusion"), what, "give them the same out, or use concat")
        return
    width, loss = output_width(spec), spec.top.loss
    if width is None:
        return
    path: Path = ("top", "model", "out") if spec.top.model else ("top", "loss")
    what = f"the output is {width} wide, which does not fit {loss}"
    remedy = "" if spec.top.model else "; the fused bottoms are the output, as top has no model"
    if loss == "cross_entropy":
        if width < 2:
            remedy = "use an output for each class, or binary_cross_entropy" + remedy
            yield Problem(path, what, remedy)
        elif isinstance(spec.dataset, SyntheticDataset) and width != spec.dataset.classes:
            what = f"the output is {width} wide for {spec.dataset.classes} classes"
            yield Problem(path, what, f"use {spec.dataset.classes}, or set dataset.classes{remedy}")
    elif width != 1:
        also = ", or cross_entropy" if loss == "binary_cross_entropy" else ""
        yield Problem(path, what, f"use 1{also}{remedy}")


def _labels(spec: Spec) -> Iterator[Problem]:
    dataset, loss = spec.dataset, spec.top.loss
    if isinstance(dataset, BankMarketingDataset) and loss == "mse" and dataset.label == "y":
        what = "the label y is yes or no, which mse cannot learn"
        yield Problem(("top", "loss"), what, "use binary_cross_entropy")
    if (
        isinstance(dataset, SyntheticDataset)
        and loss == "binary_cross_entropy"
        and dataset.classes != 2
    ):
        what = f"{dataset.classes} classes do not fit the loss binary_cross_entropy"
        yield Problem(("dataset", "classes"), what, "use 2, or the loss cross_entropy")


def _metrics(spec: Spec) -> Iterator[Problem]:
    fitting = _METRICS[spec.top.loss]
    seen: set[str] = set()
    for index, metric in enumerate(spec.training.metrics):
        place = ("training", "metrics", index)
        if metric not in fitting:
            what = f"{metric} does not fit the loss {spec.top.loss}"
            yield Problem(place, what, f"use {alternatives(fitting)}")
        elif metric in seen:
            yield Problem(place, f"{metric} is listed twice", "keep one")
        seen.add(metric)
    if spec.training.evaluate_every_epochs is not None and spec.dataset.test_fraction == 0:
        what = "there is nothing to evaluate on: dataset.test_fraction is 0"
        path = ("training", "evaluate_every_epochs")
        yield Problem(path, what, "remove it, or hold rows out")


def _synthetic(spec: Spec) -> Iterator[Problem]:
    dataset = spec.dataset
    if not isinstance(dataset, SyntheticDataset):
        return
    if dataset.numeric + dataset.categorical == 0:
        what = "no columns: numeric and categorical are both 0"
        yield Problem(("dataset", "numeric"), what, "set one of them to at least 1")
    elif dataset.categorical == 0:
        for name, party in spec.parties.items():
            if isinstance(party.bottom, EmbeddingMlp):
                what = "embedding_mlp has nothing to embed: dataset.categorical is 0"
                path = ("parties", name, "bottom", "type")
                yield Problem(path, what, "set dataset.categorical, or use mlp")
    if training_rows(dataset) < 1:
        what = f"none of {dataset.rows} rows is left to train on"
        yield Problem(("dataset", "rows"), what, "use more, or lower dataset.test_fraction")


def _optimizers(spec: Spec) -> Iterator[Problem]:
    training = spec.training.optimizer
    places: list[tuple[Path, Optimizer]] = [(("training", "optimizer"), training)]
    places += [
        (("parties", name, "optimizer"), party.optimizer)
        for name, party in spec.parties.items()
        if party.optimizer
    ]
    places += [(("top", "optimizer"), spec.top.optimizer)] if spec.top.optimizer else []
    for path, optimizer in places:
        if isinstance(optimizer, Sgd) and optimizer.nesterov and not optimizer.momentum:
            yield Problem((*path, "nesterov"), "needs momentum", "set momentum, such as 0.9")
    if spec.top.optimizer and spec.top.model is None:
        what = "has nothing to train: top has no model"
        yield Problem(("top", "optimizer"), what, "remove it, or add top.model")
    yield from _sparse_gradients(spec)
    yield from _nothing_sparse(spec)


def _sparse_gradients(spec: Spec) -> Iterator[Problem]:
    for name, party in spec.parties.items():
        if isinstance(party.bottom, EmbeddingMlp) and party.bottom.sparse:
            why = refuses_sparse(optimizer_of(spec, name))
            if why:
                yield Problem(
                    ("parties", name, "bottom", "sparse"),
                    why,
                    f"set parties.{name}.optimizer to sparse_adam, plain sgd or adagrad",
                )


def refuses_sparse(optimizer: Optimizer) -> str | None:
    """Why an optimizer of PyTorch 2 cannot take sparse gradients."""
    if optimizer.type in ("sparse_adam", "adagrad", "sgd"):
        if getattr(optimizer, "weight_decay", 0):
            return f"{optimizer.type} with weight_decay takes no sparse gradients"
        if isinstance(optimizer, Sgd) and optimizer.momentum:
            return "sgd's momentum of sparse gradients grows with every step"
        return None
    return f"{optimizer.type} takes no sparse gradients"


def _nothing_sparse(spec: Spec) -> Iterator[Problem]:
    """`sparse_adam` where no embedding is sparse; as the default it needs one role with one."""
    remedy = "use adam, or a bottom with sparse: true"
    default_is_useful = False
    for name, party in spec.parties.items():
        may_be_sparse = isinstance(party.bottom, CustomModule) or (
            isinstance(party.bottom, EmbeddingMlp) and party.bottom.sparse
        )
        default_is_useful |= may_be_sparse and party.optimizer is None
        if party.optimizer and party.optimizer.type == "sparse_adam" and not may_be_sparse:
            yield Problem(("parties", name, "optimizer"), "nothing here is sparse", remedy)
    top_may_be = isinstance(spec.top.model, CustomModule)
    if spec.top.optimizer and spec.top.optimizer.type == "sparse_adam" and not top_may_be:
        yield Problem(("top", "optimizer"), "nothing here is sparse", "use adam")
    default_is_useful |= top_may_be and spec.top.optimizer is None
    if spec.training.optimizer.type == "sparse_adam" and not default_is_useful:
        yield Problem(("training", "optimizer"), "no model that uses it is sparse", remedy)


def _batch_normalization(spec: Spec) -> Iterator[Problem]:
    models: list[tuple[Path, object]] = [
        (("parties", name, "bottom"), party.bottom) for name, party in spec.parties.items()
    ]
    models.append((("top", "model"), spec.top.model))
    for path, model in models:
        if not isinstance(model, MlpLayers) or model.normalization != "batch" or not model.hidden:
            continue
        place = (*path, "normalization")
        if spec.pipeline.schedule == "microbatch":
            what = "batch statistics of a slice are not those of its batch"
            yield Problem(
                place, what, "use layer with the schedule microbatch, or another schedule"
            )
        elif _smallest_batch(spec) == 1:
            what = "a batch of one row has no batch statistics"
            yield Problem(place, what, "change dataset.batch_size, or use layer")


def _smallest_batch(spec: Spec) -> int:
    """Rows of the smallest batch, as far as they are known."""
    dataset = spec.dataset
    if isinstance(dataset, SyntheticDataset):
        return training_rows(dataset) % dataset.batch_size or dataset.batch_size
    return dataset.batch_size
