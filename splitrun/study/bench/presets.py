"""Grids that are often wanted."""

from __future__ import annotations

from collections.abc import Sequence

from splitrun.errors import UsageError
from splitrun.spec import Spec
from splitrun.spec.effective import DEFAULT_DEPTH
from splitrun.spec.model import SyntheticDataset
from splitrun.study.bench.grid import Axis, Point

_SEQUENTIAL = "sequential"
_SIZES = (1_000, 10_000, 100_000, 1_000_000)
_BATCH_SIZES = (32, 64, 128, 256, 512, 1_024, 2_048, 4_096)
_DEPTHS = (2, 4, 8, 16)


def _scale(spec: Spec) -> tuple[Axis, ...]:
    if not isinstance(spec.dataset, SyntheticDataset):
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
    return Axis(key, tuple(Point(str(value), (f"{key}={value}",)) for value in values))


def _pipelines(spec: Spec, depths: tuple[int, ...]) -> Axis:
    """`sequential`, and `stale` at these depths, to which no party makes an exception; with the
    compensation of the spec."""
    same = tuple(f"~parties.{name}.depth" for name in spec.parties)
    given = spec.pipeline.compensation
    rules = f"[{', '.join(given)}]" if isinstance(given, tuple) else given
    kept = () if given == "none" else (f"pipeline.compensation={rules}",)
    stale = tuple(
        Point(f"stale:{depth}", (f"pipeline={{schedule: stale, depth: {depth}}}", *kept, *same))
        for depth in depths
    )
    return Axis("pipeline", (Point(_SEQUENTIAL, ("pipeline=sequential", *same)), *stale))


def _depth(spec: Spec) -> int:
    depth = spec.pipeline.depth
    return depth if isinstance(depth, int) and depth > 1 else DEFAULT_DEPTH
