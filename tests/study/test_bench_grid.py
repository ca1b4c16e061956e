"""Grids: what is written on the command line, and the cells that it stands for."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from splitrun.errors import UsageError
from splitrun.model.compensation import Discount
from splitrun.spec import loads
from splitrun.study.bench.grid import (
    Axis,
    AxisValue,
    combinations,
    combined,
    default_baseline,
    overrides_of,
    parse_axis,
    parse_baseline,
    preset_axes,
    split,
)
from tests.cli.trial import SPEC, SYNTHETIC

scalars = st.one_of(
    st.integers(),
    st.floats(allow_nan=False),
    st.booleans(),
    st.text(st.characters(exclude_categories=["C", "Z"]), max_size=8),
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(st.lists(values, min_size=1, max_size=6))
def test_values_are_split_where_yaml_would_and_mean_what_they_meant(content: list[object]) -> None:
    written = [yaml.safe_dump(value, default_flow_style=True, width=10**6) for value in content]
    parts = split(",".join(text.removesuffix("...\n").strip() for text in written))
    assert [yaml.safe_load(part) for part in parts] == content


@given(st.text(max_size=30))
def test_any_text_is_split_into_parts_of_it_or_refused(text: str) -> None:
    assert all(part in text for part in split(text))


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1,2 , 4", ["1", "2", "4"]),
        ("[100],[200, 50]", ["[100]", "[200, 50]"]),
        ("[[100],[200]]", ["[[100],[200]]"]),
        ("{schedule: stale, depth: 4},sequential", ["{schedule: stale, depth: 4}", "sequential"]),
        ("'a,b',\"c,d\"", ["'a,b'", '"c,d"']),
        ("bob->alice,10_000", ["bob->alice", "10_000"]),
        ("", []),
        ("1,,2", []),
        ("1],[2", []),
        ("1]\n---\n[2", []),
        ("[" * 2_000, []),
        ("*anchor", []),
    ],
)
def test_only_outermost_commas_split(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("pipeline.depth", "is no KEY=VALUE"),
        ("=1,2", "is no KEY=VALUE"),
        ("pipeline.depth=", "has no list of values"),
        ("pipeline.depth=1,,2", "has no list of values"),
        ("pipeline.depth=1,2,1", "1 is there twice"),
    ],
)
def test_what_is_no_axis_is_refused_by_its_own_words(argument: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_axis(argument)
    assert str(refused.value).startswith(f"-P {argument}: {told}")


def test_cells_are_the_product_in_order_the_last_axis_fastest() -> None:
    axes = combined([], [parse_axis("seed=1,2"), parse_axis("links=lan,wan")])
    cells = combinations(axes)
    assert [overrides_of(cell) for cell in cells] == [
        ["seed=1", "links=lan"],
        ["seed=1", "links=wan"],
        ["seed=2", "links=lan"],
        ["seed=2", "links=wan"],
    ]
    assert combinations(()) == [{}]


@pytest.mark.parametrize(
    ("own", "keys"),
    [
        ("pipeline=stale,sequential", ["size", "pipeline"]),
        ("pipeline.depth=1,2", ["size", "pipeline"]),
        ("pipelines=1", ["size", "pipeline.depth", "pipelines"]),
        ("seed=1", ["size", "pipeline.depth", "seed"]),
    ],
)
def test_an_axis_of_ones_own_replaces_a_presets_that_sets_the_same_keys(
    own: str, keys: list[str]
) -> None:
    point = (AxisValue("1", ()),)
    preset = "pipeline" if own.startswith("pipeline.") else "pipeline.depth"
    axes = combined([Axis("size", point), Axis(preset, point)], [parse_axis(own)])
    keys = [own.partition("=")[0] if key == "pipeline" else key for key in keys]
    assert [axis.key for axis in axes] == keys


def test_an_axis_given_twice_and_a_grid_too_large_are_refused() -> None:
    with pytest.raises(UsageError, match="-P seed: is given twice"):
        combined([], [parse_axis("seed=1"), parse_axis("seed=2")])
    hundred = ",".join(map(str, range(100)))
    with pytest.raises(UsageError, match="the grid has 10,000 cells"):
        combined([], [parse_axis(f"seed={hundred}"), parse_axis(f"dataset.rows={hundred}")])


def test_a_baseline_is_labels_of_the_grid() -> None:
    axes = [parse_axis("seed=1,2"), parse_axis("links=lan,{default: wan, a-b: lan}")]
    assert parse_baseline("seed=2", axes) == {"seed": "2"}
    both = parse_baseline("links={default: wan, a-b: lan},seed=1", axes)
    assert both == {"links": "{default: wan, a-b: lan}", "seed": "1"}


@pytest.mark.parametrize(
    ("argument", "told"),
    [
        ("seed=3", "seed is never 3; use one of 1, 2"),
        ("sed=1", "sed does not vary; what does: seed"),
        ("1", "is no KEY=VALUE"),
    ],
)
def test_a_baseline_that_no_cell_has_is_refused(argument: str, told: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_baseline(argument, [parse_axis("seed=1,2")])
    assert str(refused.value).startswith(f"--baseline {argument}: {told}")


@pytest.mark.parametrize(
    ("name", "count"), [("scale", 4 * 2), ("batch", 8 * 2), ("depth", 5)], ids=str
)
def test_every_cell_of_a_preset_is_a_valid_spec_whatever_the_experiments_pipeline(
    name: str, count: int
) -> None:
    text = SYNTHETIC.replace("rows: 100", "rows: 100_000") + (
        "pipeline: {schedule: microbatch, micro_batches: 2, compensation: [discount]}\n"
    )
    text = text.replace("bob: {", "bob: {depth: 3, ")
    axes = preset_axes(name, loads(text, "spec.yaml").spec)
    cells = combinations(axes)
    assert len(cells) == count
    found = [loads(text, "spec.yaml", overrides_of(cell)) for cell in cells]
    assert not any(document.warnings for document in found)
    for cell, document in zip(cells, found, strict=True):
        pipeline = document.spec.pipeline
        depth = f"stale:{pipeline.depth}"
        assert cell["pipeline"].label == (depth if pipeline.schedule == "stale" else "sequential")
        assert document.spec.parties["bob"].depth is None
        stale = pipeline.schedule == "stale"
        assert pipeline.compensation == ((Discount(type="discount"),) if stale else "none")
    assert default_baseline(axes) == {"pipeline": "sequential"}


def test_the_sizes_of_a_file_cannot_be_swept() -> None:
    with pytest.raises(UsageError, match="--preset scale: a dataset of type csv"):
        preset_axes("scale", loads(SPEC, "spec.yaml").spec)
    assert default_baseline(()) == {}


def test_a_grid_of_depths_is_compared_with_depth_1_where_all_else_is_alike() -> None:
    latencies = parse_axis("links.default.latency_ms=0,10")
    depths = parse_axis("pipeline.depth=1,4")
    assert default_baseline((latencies, depths)) == {"pipeline.depth": "1"}
    assert default_baseline((latencies, parse_axis("pipeline.depth=2,4"))) == {}
