"""A grid: axes with values, a cell for every combination of them, and grids often wanted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import yaml

from splitrun.errors import UsageError
from splitrun.spec import Spec
from splitrun.spec.effective import DEFAULT_DEPTH
from splitrun.spec.yaml_text import dump

MOST_CELLS = 1_000
_EXAMPLE = "write KEY=VALUE,VALUE, for example pipeline.depth=1,2,4"


@dataclass(frozen=True)
class AxisValue:
    """One value of an axis, and the overrides of the spec that it stands for."""

    label: str
    overrides: tuple[str, ...]


@dataclass(frozen=True)
class Axis:
    """What varies, and its values in order."""

    key: str
    points: tuple[AxisValue, ...]

    def point(self, label: str) -> AxisValue | None:
        """The value of this name, if there is one."""
        return next((point for point in self.points if point.label == label), None)


Combination = Mapping[str, AxisValue]
"""Of every axis a point."""


def parse_axis(argument: str) -> Axis:
    """`pipeline.depth=1,2,4` as an axis; values are split at commas outside brackets and quotes.

    Raises:
        UsageError: it is no such thing, or a value is there twice.
    """
    key, values = _assignment(argument, "-P")
    labels = split(values)
    if not labels:
        raise UsageError(f"-P {argument}: has no list of values; {_EXAMPLE}")
    for index, label in enumerate(labels):
        if label in labels[:index]:
            raise UsageError(f"-P {argument}: {label} is there twice; keep one")
    return Axis(key, tuple(AxisValue(label, (f"{key}={label}",)) for label in labels))


def split(text: str) -> list[str]:
    """A text's parts between its outermost commas, as they are written; none if it is no list.

    What a comma is decides YAML, which the parts are to be read as.
    """
    try:
        node = yaml.compose(f"[{text}]", Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError):
        return []
    if node is None or node.end_mark.index != len(text) + 2:
        return []
    marks = [(part.start_mark.index - 1, part.end_mark.index - 1) for part in node.value]
    return [text[start:end].strip() for start, end in marks]


def combined(presets: Sequence[Axis], own: Sequence[Axis]) -> tuple[Axis, ...]:
    """The presets' axes, then one's own; one's own replace those that set the same keys.

    Raises:
        UsageError: an axis is given twice, or there are too many cells.
    """
    keys = [axis.key for axis in own]
    for index, key in enumerate(keys):
        if key in keys[:index]:
            raise UsageError(f"-P {key}: is given twice; write all values into one -P")
    kept = [axis for axis in presets if not any(_overlap(axis.key, key) for key in keys)]
    axes = (*kept, *own)
    count = math.prod(len(axis.points) for axis in axes)
    if count > MOST_CELLS:
        what = f"the grid has {count:,} cells, and {MOST_CELLS:,} are the most"
        raise UsageError(f"{what}; give fewer values, or run several benches")
    return axes


def combinations(axes: Sequence[Axis]) -> list[Combination]:
    """Every combination, the last axis varying fastest."""
    keys = [axis.key for axis in axes]
    return [
        dict(zip(keys, points, strict=True)) for points in product(*(axis.points for axis in axes))
    ]


def overrides_of(combination: Combination) -> list[str]:
    """What a combination changes in the spec."""
    return [override for point in combination.values() for override in point.overrides]


def parse_baseline(argument: str, axes: Sequence[Axis]) -> dict[str, str]:
    """`pipeline.depth=1,…` as a label for some of the axes.

    Raises:
        UsageError: it is no such thing, or names an axis or value that the grid has not.
    """
    labels: dict[str, str] = {}
    rest = argument.strip()
    while rest:
        key, label = _assignment(rest, "--baseline")
        axis = next((axis for axis in axes if axis.key == key), None)
        if axis is None:
            known = ", ".join(axis.key for axis in axes) or "nothing"
            raise UsageError(f"--baseline {argument}: {key} does not vary; what does: {known}")
        values = [point.label for point in axis.points]
        found = next((value for value in values if f"{label},".startswith(f"{value},")), None)
        if found is None:
            what = f"{key} is never {label}; use one of {', '.join(values)}"
            raise UsageError(f"--baseline {argument}: {what}")
        labels[key] = found
        rest = label[len(found) + 1 :].strip()
    return labels


def _assignment(argument: str, option: str) -> tuple[str, str]:
    key, equals, value = argument.partition("=")
    if not (key.strip() and equals):
        raise UsageError(f"{option} {argument}: is no KEY=VALUE; {_EXAMPLE}")
    return key.strip(), value.strip()


def _overlap(one: str, other: str) -> bool:
    """Whether one of two keys is the other, or a section that it is in."""
    shorter, longer = sorted((one, other), key=len)
    return longer == shorter or longer.startswith((f"{shorter}.", f"{shorter}["))


_SEQUENTIAL = "sequential"
_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_BATCH_SIZES = (32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
_DEPTHS = (2, 4, 8, 16)


def _scale(spec: Spec) -> tuple[Axis, ...]:
    if "rows" not in type(spec.dataset).model_fields:
        what = f"--preset scale: a dataset of type {spec.dataset.type} has the size it has"
        raise UsageError(f"{what}; only sizes of type synthetic can be swept")
    return (_numbers("dataset.rows", _SIZES), _pipelines(spec, (_depth(spec),)))


def _batch(spec: Spec) -> tuple[Axis, ...]:
    sizes = _numbers("dataset.batch_size", _BATCH_SIZES)
    return (sizes, _pipelines(spec, (_depth(spec),)))


def _depths(spec: Spec) -> tuple[Axis, ...]:
    return (_pipelines(spec, _DEPTHS),)


_PRESETS = {"scale": _scale, "batch": _batch, "depth": _depths}


def preset_axes(name: str, spec: Spec) -> tuple[Axis, ...]:
    """The axes of `scale`, `batch` or `depth` for this experiment.

    Raises:
        UsageError: its dataset has no sizes to sweep.
    """
    return _PRESETS[name](spec)


def default_baseline(axes: Sequence[Axis]) -> dict[str, str]:
    """The sequential pipeline or the depth 1, where that is swept; else none, as in `Results`."""
    for key, label in (("pipeline", _SEQUENTIAL), ("pipeline.depth", "1")):
        if any(axis.key == key and axis.point(label) for axis in axes):
            return {key: label}
    return {}


def _numbers(key: str, values: tuple[int, ...]) -> Axis:
    return Axis(key, tuple(AxisValue(str(value), (f"{key}={value}",)) for value in values))


def _pipelines(spec: Spec, depths: tuple[int, ...]) -> Axis:
    """`sequential`, and `stale` at these depths, to which no party makes an exception; with the
    compensation of the spec."""
    same = tuple(f"~parties.{name}.depth" for name in spec.parties)
    given = spec.pipeline.model_dump(mode="json", include={"compensation"})["compensation"]
    rules = given if isinstance(given, str) else dump(given, flow=True).strip()
    kept = () if given == "none" else (f"pipeline.compensation={rules}",)
    stale = tuple(
        AxisValue(f"stale:{depth}", (f"pipeline={{schedule: stale, depth: {depth}}}", *kept, *same))
        for depth in depths
    )
    return Axis("pipeline", (AxisValue(_SEQUENTIAL, ("pipeline=sequential", *same)), *stale))


def _depth(spec: Spec) -> int:
    depth = spec.pipeline.depth
    return depth if isinstance(depth, int) and depth > 1 else DEFAULT_DEPTH
