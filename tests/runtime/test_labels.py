"""Labels never leave the label holder: what crosses is cuts, their gradients, and who is meant.

Labels here are drawn apart from every feature and each of its own value, so that no tensor can
resemble them by chance. Gradients do depend on them, as docs/trust.md says: those of a squared
error come to a correlation of 0.9996 here. A copy has more, even one that is rounded to 16 bits.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from splitrun.model import TopStage
from splitrun.plan import Channel
from splitrun.runtime import Message, Receive, RoleContext, RoleHook
from splitrun.session import Experiment
from tests.runtime.running import Content, prepared, trained

ROWS, BATCH_SIZE = 500, 80
COPY = 0.99995
"""Correlation with the labels from which on a column is a copy of them, scaled and shifted."""

Crossing = tuple[str, Message]
"""A channel, and what was received from it."""


class Crossings(list[Crossing], RoleHook):
    """A hook that notes all that any role receives."""

    def for_role(self, _: RoleContext) -> RoleHook:
        return self

    def around_receive(self, channel: Channel, receive: Receive) -> Receive:
        def noted() -> Message:
            message = receive()
            self.append((channel.name, message))
            return message

        return noted


def experiment(
    directory: Path, pipeline: Content, holder: str = "p0", label_seed: int = 1
) -> Experiment:
    """Two or three parties over a CSV file; `holder` may be a party without a bottom."""
    draw = np.random.default_rng(0)
    columns = {name: draw.normal(size=ROWS) for name in ("a", "b", "c", "d")}
    columns["y"] = np.random.default_rng(label_seed).normal(size=ROWS)
    lines = (
        ",".join(f"{value:.9g}" for value in row) for row in zip(*columns.values(), strict=True)
    )
    (directory / "rows.csv").write_text("\n".join([",".join(columns), *lines]) + "\n")
    bottom = {"type": "mlp", "hidden": [8], "out": 5}
    parties: dict[str, Any] = {
        "p0": {"columns": ["a", "b"], "bottom": bottom},
        "p1": {"columns": ["c", "d"], "bottom": bottom | {"out": 3}},
    }
    content = {
        "name": "labels",
        "dataset": {
            "type": "csv",
            "path": str(directory / "rows.csv"),
            "label": "y",
            "batch_size": BATCH_SIZE,
        },
        "parties": parties | {holder: parties.get(holder, {})},
        "top": {
            "party": holder,
            "model": {"type": "mlp", "hidden": [16], "out": 1, "activation": "tanh"},
            "loss": "mse",
        },
        "training": {"epochs": 2, "evaluate_every_epochs": 1, "optimizer": "adam"},
        "pipeline": pipeline,
    }
    return prepared(content)


def labels_of(subject: Experiment, message: Message) -> Tensor:
    """Of the rows that a message is about, float64 `[rows]`."""
    plan = subject.plan
    batch = subject.parties.feeds(plan)[plan.top.name].load(message.phase, message.step)
    slices = plan.slices(message.step) if message.phase == "train" else 1
    (labels,) = batch.slice(message.micro, slices)
    return labels.double().flatten()


def copies(labels: Tensor, tensor: Tensor) -> int:
    """How many of a tensor's columns are the labels, whatever the scale, the shift and the type."""
    columns = tensor.detach().double().reshape(len(labels), -1)
    deviations = columns - columns.mean(0)
    own = labels - labels.mean()
    correlations = own @ deviations / (own.norm() * deviations.norm(dim=0)).clamp(min=1e-300)
    return int((correlations.abs() > COPY).sum())


def check(subject: Experiment, crossings: Sequence[Crossing]) -> None:
    """Every message is a cut, or its gradient, of the rows that the plan says; and no label."""
    plan = subject.plan
    for channel, message in crossings:
        labels = labels_of(subject, message)
        source, target = channel.split("->")
        upward = target == plan.top.name
        assert upward or message.phase == "train"
        cut = plan.role_facts(source if upward else target).cut
        shapes = [(torch.float32, (len(labels), *tensor.shape)) for tensor in cut]
        assert [(each.dtype, tuple(each.shape)) for each in message.tensors] == shapes
        assert [copies(labels, tensor) for tensor in message.tensors] == [0]
        assert not any(tensor.requires_grad for tensor in message.tensors)
        storages = [tensor.untyped_storage().nbytes() for tensor in message.tensors]
        assert storages == [tensor.nbytes for tensor in message.tensors]


PIPELINES: list[Content] = [
    {"schedule": "sequential"},
    {"schedule": "microbatch", "micro_batches": 3},
    {"schedule": "stale", "depth": 3},
]


@pytest.mark.parametrize("kind", ["serial", "threaded"])
@pytest.mark.parametrize("holder", ["p0", "owner"])
@pytest.mark.parametrize("pipeline", PIPELINES, ids=lambda each: str(each["schedule"]))
def test_no_tensor_that_crosses_holds_labels(
    tmp_path: Path, pipeline: Content, holder: str, kind: Any
) -> None:
    subject, crossings = experiment(tmp_path, pipeline, holder), Crossings()
    trained(subject, kind, hooks=[crossings])
    plan = subject.plan
    assert {channel for channel, _ in crossings} == {channel.name for channel in plan.channels}
    messages = sum(2 * plan.slices(step) for step in range(plan.steps)) + 2
    assert len(crossings) == messages * len(plan.bottoms)
    check(subject, crossings)


def test_neither_what_goes_with_tensors_nor_the_first_cuts_depend_on_labels(
    tmp_path: Path,
) -> None:
    """Other labels change the gradients, and by them the cuts after the first update."""
    seen = []
    for label_seed in (1, 2):
        crossings = Crossings()
        subject = experiment(tmp_path, PIPELINES[2], label_seed=label_seed)
        trained(subject, "serial", hooks=[crossings])
        seen.append(crossings)
    changed = []
    for (channel, one), (other_channel, other) in zip(*seen, strict=True):
        assert (channel, one[:4]) == (other_channel, other[:4])
        if not all(map(torch.equal, one.tensors, other.tensors)):
            changed.append((one.phase, channel.endswith(".top"), one.step))
    assert ("train", False, 0) in changed
    assert min(step for phase, upward, step in changed if upward and phase == "train") == 3


@pytest.mark.parametrize(
    "leak",
    [
        lambda labels: labels,
        lambda labels: -3 * labels + 100,
        lambda labels: labels.half().float(),
    ],
    ids=["as they are", "scaled and shifted", "rounded"],
)
def test_a_top_that_leaks_labels_in_a_gradient_is_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leak: Any
) -> None:
    loss = TopStage.loss

    def leaky(self: TopStage, key: Any, cuts: Any, labels: Tensor, share: float) -> Any:
        value, gradients = loss(self, key, cuts, labels, share)
        gradients[1][0][:, 2] = leak(labels[:, 0])
        return value, gradients

    monkeypatch.setattr(TopStage, "loss", leaky)
    subject, crossings = experiment(tmp_path, PIPELINES[0]), Crossings()
    trained(subject, "serial", hooks=[crossings])
    with pytest.raises(AssertionError, match=r"\[1\] == \[0\]"):
        check(subject, crossings)
