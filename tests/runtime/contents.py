"""Specs to draw, for whatever must hold of all."""

from __future__ import annotations

import math

from hypothesis import strategies as st

from tests.runtime.running import Content, synthetic

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


@st.composite
def contents(draw: st.DrawFn) -> Content:
    """Specs of 2–5 parties, each with a bottom, an optimizer and a depth of its own."""
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
    if schedule == "stale":
        content["pipeline"]["depth"] = draw(st.integers(1, 8))
        content["pipeline"]["compensation"] = draw(st.sampled_from(["none", "discount", "auto"]))
    if schedule == "microbatch":
        content["pipeline"]["micro_batches"] = draw(st.integers(1, 4))
    for name in content["parties"]:
        bottom = draw(bottoms)
        if schedule == "microbatch" and bottom["normalization"] == "batch":
            bottom = bottom | {"normalization": "layer"}
        content["parties"][name] = {"bottom": bottom}
        if schedule == "stale" and draw(st.booleans()):
            content["parties"][name]["depth"] = draw(st.integers(1, 8))
    if draw(st.booleans()):
        for party in content["parties"].values():
            party["compute"] = {"forward_ms": 0.5, "backward_ms": 0.5, "update_ms": 0.3}
        content["top"]["compute"] = {"loss_ms": 0.6, "update_ms": 0.3}
    return content
