"""Declarative experiments in vertical split learning with pipeline parallelism.

What is offered here is imported when it is first used (docs/python.md).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from splitrun.lazy import imported_on_use

if TYPE_CHECKING:
    from splitrun.api.compared import Comparison, load_comparison
    from splitrun.api.listed import runs
    from splitrun.api.made import Run, load
    from splitrun.api.start import compare, run
    from splitrun.errors import SplitrunError

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Run",
    "SplitrunError",
    "compare",
    "load",
    "load_comparison",
    "run",
    "runs",
]

__getattr__ = imported_on_use(
    __name__,
    {
        **dict.fromkeys(("Run", "load"), "splitrun.api.made"),
        **dict.fromkeys(("Comparison", "load_comparison"), "splitrun.api.compared"),
        **dict.fromkeys(("compare", "run"), "splitrun.api.start"),
        "SplitrunError": "splitrun.errors",
        "runs": "splitrun.api.listed",
    },
)
