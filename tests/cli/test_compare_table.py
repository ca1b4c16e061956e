"""The table of a comparison on screens of several widths."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from splitrun.cli.compare_table import fitted

FIGURES = ("samples/s", "predicted", "of bound", "speedup", "Δ auroc")
ARM = ("microbatch:4", "12,345", "12,400", "98 %", "1.02 [1.01, 1.03]", "+0.0000 ±0.0000")
ROWS = [
    ("sequential", "2,392", "2,390", "99 %", "1", "0", "identical"),
    (*ARM, "inconclusive: 12 more seeds needed"),
]


@pytest.mark.parametrize(
    ("width", "gone"),
    [
        (120, ()),
        (100, ()),
        (90, ("predicted",)),
        (80, ("predicted", "of bound")),
        (76, ("predicted", "of bound")),
    ],
)
def test_no_figure_is_cut_and_no_verdict_lost(width: int, gone: tuple[str, ...]) -> None:
    screen = io.StringIO()
    Console(file=screen, width=width).print(fitted(width, FIGURES, ROWS))
    lines = screen.getvalue().splitlines()
    assert [name for name in FIGURES if name in lines[0]] == [
        name for name in FIGURES if name not in gone
    ]
    assert "…" not in screen.getvalue()
    kept = [cell for name, cell in zip(FIGURES, ARM[1:], strict=True) if name not in gone]
    assert all(cell in lines[3] for cell in (ARM[0], *kept))
    assert " ".join(lines[3:]).split()[-1] == "needed"
