"""Colours and glyphs.

The colours are Okabe and Ito's, which can be told apart without red or green vision, on dark and on
light ground; whatever a colour says, a glyph says too.
"""

from __future__ import annotations

from rich.style import Style

from splitrun.dashboard.view.timeline import Kind
from splitrun.telemetry import Shares

_BLUE, _SKY, _GREEN, _ORANGE = "#0072b2", "#56b4e9", "#009e73", "#e69f00"
_VERMILION, _PURPLE, _GREY = "#d55e00", "#cc79a7", "#808080"

PLAIN = Style()
STRONG = Style(bold=True)
DIM = Style(color=_GREY)
CHART = Style(color=_SKY)
BUSY = Style(color=_SKY)
WAIT = Style(color=_GREY)
DONE, FAILED = Style(color=_GREEN, bold=True), Style(color=_VERMILION, bold=True)

STATUS = {
    "running": STRONG,
    "done": DONE,
    "failed": FAILED,
    "interrupted": FAILED,
    "killed": FAILED,
}

KINDS: dict[Kind, tuple[str, Style]] = {
    Kind.FORWARD: ("F", Style(color="black", bgcolor=_SKY)),
    Kind.BACKWARD: ("B", Style(color="black", bgcolor=_ORANGE)),
    Kind.UPDATE: ("U", Style(color="black", bgcolor=_GREEN)),
    Kind.LOSS: ("L", Style(color="black", bgcolor=_PURPLE)),
    Kind.EVALUATE: ("E", Style(color="white", bgcolor=_BLUE)),
    Kind.OTHER: ("o", Style(color="black", bgcolor=_GREY)),
    Kind.RECEIVE: ("·", WAIT),
    Kind.SEND: (":", WAIT),
    Kind.IDLE: (" ", PLAIN),
    Kind.STUCK: ("!", FAILED),
}
"""What a cell of the timeline looks like."""

LEGEND = {
    Kind.FORWARD: "forward",
    Kind.BACKWARD: "backward",
    Kind.UPDATE: "update",
    Kind.LOSS: "loss",
    Kind.EVALUATE: "eval",
    Kind.OTHER: "other",
    Kind.RECEIVE: "waits",
    Kind.SEND: "credit",
}

_SHARES = (("█", BUSY), ("░", WAIT), ("▒", WAIT))
"""Busy, waiting for a message, waiting for credit."""


def share_runs(shares: Shares, width: int) -> list[tuple[str, Style]]:
    """A bar of a role's time; its ends are rounded so that it never is longer than `width`."""
    runs, end, whole = [], 0, 0.0
    for (glyph, style), share in zip(
        _SHARES, (shares.busy, shares.receive, shares.send), strict=True
    ):
        whole += share
        start, end = end, min(width, round(whole * width))
        runs.append((glyph * (end - start), style))
    runs.append((" " * (width - end), PLAIN))
    return runs
