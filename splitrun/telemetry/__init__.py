"""What is kept of a run, and what follows from it; knows events and nothing of screens.

What is offered here is imported when it is first used: a sink's section of a spec is in this
package, too, and a validation does without psutil and msgspec.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.lazy import imported_on_use

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

__getattr__ = imported_on_use(
    __name__,
    {
        "JsonLines": ".jsonl",
        **dict.fromkeys(("Recording", "read_events", "shares"), ".reading"),
        "Sampler": ".sampler",
    },
)
