"""Specs to draw, for whatever must hold of all."""

from __future__ import annotations

import hashlib
import math
import tempfile
from functools import cache
from pathlib import Path

import yaml
from hypothesis import strategies as st
from safetensors.torch import save_file

from tests.runtime.running import Content, modules_of, prepared, synthetic

bottoms = st.fixed_dictionaries(
    {
        "type": st.just("mlp"),
        "hidden": st.sampled_from([[], [8], [8, 8]]),
        "out": st.just(4),
        "normalization": st.sampled_from(["none", "batch", "layer"]),
        "dropout": st.sampled_from([0.0, 0.3]),
        "activation": st.sampled_from(["relu", "tanh"]),
    }
)
optimizers = st.sampled_from(
    [
        {"type": "sgd", "lr": 0.1, "momentum": 0.9},
        {"type": "adam", "lr": 0.01},
        {"type": "adam", "lr": 0.01, "fused": True},
        {"type": "adagrad", "lr": 0.05},
        {"type": "rmsprop", "lr": 0.01},
    ]
)
stopping: st.SearchStrategy[Content] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"early_stopping": st.just({"patience": 1})}),
    st.fixed_dictionaries(
        {
            "early_stopping": st.fixed_dictionaries(
                {"patience": st.integers(1, 2), "min_delta": st.sampled_from([0, 1])}
            ),
            "evaluate_every_steps": st.integers(2, 9),
            "evaluate_every_epochs": st.none(),
        }
    ),
)
"""Keys of `training`."""
OWN_LOSS = {"class": "torch.nn:MultiLabelSoftMarginLoss", "kwargs": {"reduction": "none"}}
clips = st.sampled_from([None, {"norm": 0.05}, {"norm": 1}, {"value": 0.01}])
freezes = st.sampled_from([[], [], ["*.bias"], ["0.*"], ["*"]])
losses = st.sampled_from(
    [
        "binary_cross_entropy",
        OWN_LOSS | {"labels": "binary"},
        "multilabel_binary_cross_entropy",
        OWN_LOSS | {"labels": "multilabel"},
    ]
)
codecs = st.sampled_from(["none", "fp16", "bf16", "int8"])


def training_rows(rows: int, validation_fraction: float) -> int:
    """After a fifth is held out."""
    return rows - math.ceil(rows * 0.2) - math.ceil(rows * validation_fraction)


def _fit_labels(content: Content) -> None:
    """Several labels, and outputs for them, where the loss takes such."""
    if "multilabel" in str(content["top"]["loss"]):
        content["dataset"]["label"], content["top"]["model"]["out"] = ["l0", "l1", "l2"], 3
        content["training"]["class_weights"] = None


@cache
def _directory() -> tempfile.TemporaryDirectory[str]:
    """Of files of weights; it goes when the process does."""
    return tempfile.TemporaryDirectory()


def begun(content: Content, role: str) -> Content:
    """The spec with a file of weights for a role, which are those of another seed."""
    other = content | {"seed": content["seed"] + 1}
    digest = hashlib.sha256(yaml.safe_dump([other, role]).encode()).hexdigest()
    path = Path(_directory().name, f"{digest}.safetensors")
    save_file(modules_of(prepared(other))[role].state_dict(), path)
    section = content["top"] if role.endswith(".top") else content["parties"]["p1"]
    section["warm_start"] = str(path)
    return content


@st.composite
def party_section(draw: st.DrawFn, schedule: str) -> Content:
    """A party's section."""
    bottom = draw(bottoms)
    if schedule == "microbatch" and bottom["normalization"] == "batch":
        bottom = bottom | {"normalization": "layer"}
    made: Content = {"bottom": bottom, "clip": draw(clips), "freeze": draw(freezes)}
    if schedule == "stale" and draw(st.booleans()):
        made["depth"] = draw(st.integers(1, 8))
    return made


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Specs of 2–5 parties, each with a bottom and a depth of its own, and what is to become of its
    gradients and of its first weights."""
    schedule = draw(st.sampled_from(["sequential", "microbatch", "stale"]))
    parties = draw(st.integers(2, 5))
    validation_fraction = draw(st.sampled_from([0.0, 0.1]))
    # BatchNorm refuses a batch of one.
    several = st.integers(700, 900).filter(
        lambda n: training_rows(n, validation_fraction) % 64 != 1
    )
    content = synthetic(
        parties=parties,
        rows=draw(several),
        dataset={"validation_fraction": validation_fraction},
        top={"fusion": draw(st.sampled_from(["concat", "sum", "mean"])), "loss": draw(losses)},
        training={
            "epochs": draw(st.integers(1, 2)),
            "optimizer": draw(optimizers),
            "lr_schedule": draw(st.sampled_from(["constant", "cosine"])),
            "evaluate_every_epochs": draw(st.sampled_from([None, 1])),
            "class_weights": draw(st.sampled_from([None, "balanced", {"1": 3}])),
            "clip": draw(clips),
            "precision": draw(st.sampled_from(["float32", "float32", "float32", "bf16"])),
        },
        pipeline={"schedule": schedule},
        links={"default": {"latency_ms": 0.3, "jitter_ms": draw(st.sampled_from([0, 1]))}},
    )
    content["training"] |= draw(stopping if validation_fraction else st.just({}))
    content["links"]["default"]["codec"] = draw(codecs)
    if draw(st.booleans()):
        content["links"]["p1->p0"] = {"codec": draw(codecs)}
    if every_steps := draw(st.sampled_from([None, 3, 10])):
        content["checkpoint"] = {"every_steps": every_steps}
    _fit_labels(content)
    content["top"]["model"]["dropout"] = draw(st.sampled_from([0.0, 0.2]))
    content["top"] |= {"clip": draw(clips), "freeze": draw(freezes)}
    if schedule == "stale":
        content["pipeline"]["depth"] = draw(st.integers(1, 8))
        content["pipeline"]["compensation"] = draw(st.sampled_from(["none", "discount", "auto"]))
    if schedule == "microbatch":
        content["pipeline"]["micro_batches"] = draw(st.integers(1, 4))
    for name in content["parties"]:
        content["parties"][name] = draw(party_section(schedule))
    if draw(st.booleans()):
        for party in content["parties"].values():
            party["compute"] = {"forward_ms": 0.5, "backward_ms": 0.5, "update_ms": 0.3}
        content["top"]["compute"] = {"loss_ms": 0.6, "update_ms": 0.3}
    role = draw(st.sampled_from([None, None, None, "p0.top", "p1.bottom"]))
    return begun(content, role) if role else content
