"""From data files to aligned tensors: sources, preprocessing, the split, and batch order.

`columns` answers what a validation asks. Everything else needs torch, pandas or scikit-learn, and
is imported when it is first used, so that a validation starts without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from splitrun.data.columns import (
    assigned_columns,
    available_columns,
    check_columns,
    column_problems,
    fingerprint,
    opening,
)
from splitrun.data.download import OnDownload

if TYPE_CHECKING:
    from splitrun.data.encoding import Encoders, InputShape
    from splitrun.data.feed import Batch, BatchOrder, EvaluationOrder, Feed, digest, gather
    from splitrun.data.load import Data, load_data

__all__ = [
    "Batch",
    "BatchOrder",
    "Data",
    "Encoders",
    "EvaluationOrder",
    "Feed",
    "InputShape",
    "OnDownload",
    "assigned_columns",
    "available_columns",
    "check_columns",
    "column_problems",
    "digest",
    "fingerprint",
    "gather",
    "load_data",
    "opening",
]

_IMPORTED_ON_USE = {
    **dict.fromkeys(("Batch", "BatchOrder", "EvaluationOrder", "Feed", "digest", "gather"), "feed"),
    **dict.fromkeys(("Data", "load_data"), "load"),
    **dict.fromkeys(("Encoders", "InputShape"), "encoding"),
}


def __getattr__(name: str) -> object:
    if name not in _IMPORTED_ON_USE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{_IMPORTED_ON_USE[name]}"), name)
    globals()[name] = value
    return value
