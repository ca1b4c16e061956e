"""The shape of a bottom model's inputs: what data and models must agree on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class InputShape:
    """What one party's rows look like after preprocessing."""

    numeric: int
    """Numeric columns; they come first in the float matrix."""
    cardinalities: tuple[int, ...]
    """For `codes`: the number of codes of each categorical column, code 0 (unseen) included.
    Empty for `one_hot`, whose categories are columns of the float matrix."""
    width: int
    """Columns of the float matrix."""
