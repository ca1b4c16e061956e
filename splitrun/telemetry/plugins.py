"""Sinks by name: packages offer theirs as entry points of the group `splitrun.sinks`.

    [project.entry-points."splitrun.sinks"]
    mine = "package.module:Sink"

An entry point is called without arguments, once a run, and gives a `Sink`.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

from splitrun.errors import MissingExtra, UsageError, one_line
from splitrun.events import Sink

GROUP = "splitrun.sinks"
_EXTRAS = {"tensorboard": "tensorboard"}
"""The extra that a sink of splitrun's own wants, by its name."""


def load_sink(name: str) -> Sink:
    """A new sink.

    Raises:
        UsageError: no package offers one of that name, or it cannot be made.
        MissingExtra: it wants a package that is not installed.
    """
    point = _find(name)
    try:
        make = point.load()
    except ImportError as error:
        extra = _EXTRAS.get(name)
        remedy = f"pip install 'splitrun[{extra}]'" if extra else "install what it wants"
        raise MissingExtra(f"--sink {name}: {one_line(error)}; {remedy}") from error
    try:
        sink: Sink = make()
    except Exception as error:
        raise UsageError(
            f"--sink {name}: {point.value} cannot be made: {one_line(error)}"
        ) from error
    return sink


def _find(name: str) -> EntryPoint:
    known = entry_points(group=GROUP)
    if name not in known.names:
        offered = ", ".join(sorted(known.names)) or "none"
        raise UsageError(f"--sink {name}: not one of those installed: {offered}")
    return known[name]
