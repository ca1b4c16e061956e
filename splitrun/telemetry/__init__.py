"""What is kept of a run, and what follows from it; knows events and nothing of screens.

What is offered here is imported when it is first used: a sink's section of a spec is in this
package, too, and a validation does without psutil and msgspec.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from splitrun.telemetry.jsonl import JsonLines
    from splitrun.telemetry.reading import Recording, read_events, shares
    from splitrun.telemetry.sampler import Sampler

__all__ = [
    "JsonLines",
    "Recording",
    "Sampler",
    "read_events",
    "shares",
]

_IMPORTED_ON_USE = {
    "JsonLines": "jsonl",
    **dict.fromkeys(("Recording", "read_events", "shares"), "reading"),
    "Sampler": "sampler",
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_IMPORTED_ON_USE[name]}"), name)
    globals()[name] = value
    return value
