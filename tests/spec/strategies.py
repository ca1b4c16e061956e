"""Plain data of valid specs, for property tests."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=8)
ODD_TEXT = st.sampled_from(
    ["no", "1e-3", "1_000", "017", "<<", "~", "", " a ", "a: b", "#", "'", "=", "2024-01-01"]
) | st.sampled_from(["null", "\n", "\t", "\x85", "- x", "{", "é", "🦊", "\ufeff", "true", ".inf"])
PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT
    | ODD_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | ODD_TEXT, inner, max_size=3),
    max_leaves=8,
)
POSITIVE = st.floats(1e-9, 1e9)
MLP = st.fixed_dictionaries(
    {"type": st.just("mlp"), "out": st.just(4)},
    optional={
        "hidden": st.lists(st.integers(1, 512), max_size=3),
        "activation": st.sampled_from(["relu", "gelu", "tanh"]),
        "normalization": st.sampled_from(["none", "layer"]),
        "dropout": st.floats(0, 0.99),
        "bias": st.booleans(),
    },
)
CUSTOM = st.fixed_dictionaries(
    {"class": st.just("models:Bottom")},
    optional={"kwargs": st.dictionaries(TEXT | ODD_TEXT, PLAIN, max_size=3)},
)
OPTIMIZER = st.one_of(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["sgd", "adamw", "adagrad"])},
        optional={"lr": POSITIVE, "weight_decay": st.floats(0, 1)},
    ),
    st.sampled_from(["adam", "rmsprop"]),
)
LINK = st.sampled_from(["lan", "wan"]) | st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from(["lan", "metro", "wan", None]),
        "latency_ms": st.floats(0, 100),
        "bandwidth_mbps": st.none() | POSITIVE,
    },
)
COMPENSATION = st.sampled_from(["none", "auto", "discount", ["discount"]])
SCHEDULE = st.sampled_from(["sequential", "microbatch", "stale"])


@st.composite
def specs(draw: st.DrawFn) -> dict[str, Any]:
    """Plain data of valid specs, in long and short forms."""
    names = draw(
        st.lists(
            st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,8}", fullmatch=True),
            min_size=2,
            max_size=4,
            unique=True,
        )
    )
    columns = draw(st.lists(TEXT | ODD_TEXT, min_size=5, max_size=9, unique=True))
    parties = {
        name: {"columns": [columns[index + 1]], "bottom": draw(MLP | CUSTOM)}
        | draw(
            st.fixed_dictionaries({}, optional={"optimizer": OPTIMIZER, "depth": st.integers(1, 9)})
        )
        for index, name in enumerate(names)
    }
    data: dict[str, Any] = {
        "name": draw(st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,9}", fullmatch=True)),
        "dataset": {"type": "csv", "path": draw(TEXT | ODD_TEXT), "label": columns[0]},
        "parties": parties,
        "top": {"party": names[0], "model": {"type": "mlp", "out": 1}, "loss": "mse"},
    }
    pipeline = SCHEDULE | st.fixed_dictionaries(
        {"schedule": SCHEDULE}, optional={"depth": st.integers(1, 64), "compensation": COMPENSATION}
    )
    training = st.fixed_dictionaries(
        {}, optional={"optimizer": OPTIMIZER, "epochs": st.integers(1, 10**6)}
    )
    checkpoint = st.fixed_dictionaries(
        {"every_steps": st.integers(64, 10**6)}, optional={"keep": st.integers(1, 9)}
    )
    sections = {
        "checkpoint": checkpoint,
        "seed": st.integers(0, 2**32 - 1),
        "training": training,
        "pipeline": pipeline,
        "links": st.dictionaries(st.sampled_from(["default", f"{names[0]}-{names[1]}"]), LINK),
    }
    return data | draw(st.fixed_dictionaries({}, optional=sections))
