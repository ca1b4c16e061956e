"""Draws README's picture: the dashboard of one training, one batch at a time and eight in flight.

Both are real runs of the quickstart; what is shown is a moment in the middle of each.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.segment import Segment
from rich.style import Style
from rich.terminal_theme import DEFAULT_TERMINAL_THEME, MONOKAI, TerminalTheme

from splitrun.cli.app import run
from splitrun.cli.console import Console
from splitrun.dashboard.frame import Drawn, Frame
from splitrun.dashboard.line import Line
from splitrun.dashboard.live import plan_of
from splitrun.dashboard.view import RunView, moment
from splitrun.telemetry import Recording

HERE = Path(__file__).parent
SPEC = HERE.parents[1] / "experiments" / "quickstart.yaml"
RUNS = {
    "One batch at a time": ("pipeline=sequential", "training.epochs=3"),
    "Eight batches in flight": ("pipeline.depth=8", "training.epochs=20"),
}
THEMES = {"light": DEFAULT_TERMINAL_THEME, "dark": MONOKAI}
WIDTH, HEIGHT = 92, 24
SHOWN = 0.7
"""Of the run, in time."""


def frame(title: str, *overrides: str) -> list[Line]:
    """A title, and the frame of a run that is made for it."""
    with TemporaryDirectory() as runs:
        code = run(["train", str(SPEC), *overrides, "--runs-dir", runs, "--progress", "none"])
        assert code == 0
        (directory,) = Path(runs).iterdir()
        view = RunView()
        with Recording(directory, view.note_gap) as recording:
            events = list(recording.read())
        start, end = moment(events[0]), moment(events[-1])
        until = start + SHOWN * (end - start)
        view.fold_all(event for event in events if moment(event) <= until)
        shown = Frame(view)
        shown.plan = plan_of(directory)
        heading = [Segment(title.ljust(WIDTH), Style(bold=True))]
        return [heading, [Segment(" " * WIDTH)], *shown.lines(WIDTH, HEIGHT)]


def draw(lines: list[Line], theme: TerminalTheme) -> str:
    """The lines as SVG."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Drawn(lines))
    svg = console.export_svg(title="splitrun train", theme=theme, unique_id="dashboard")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)  # it would be loaded


def main() -> None:
    """Writes both pictures."""
    first, second = (frame(title, *overrides) for title, overrides in RUNS.items())
    lines = [*first, [Segment(" " * WIDTH)], *second]
    for name, theme in THEMES.items():
        (HERE / f"dashboard-{name}.svg").write_text(draw(lines, theme), encoding="utf-8")


if __name__ == "__main__":
    main()
