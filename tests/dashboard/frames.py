"""Frames that are kept word for word. After a wanted change, write them anew and read the diff:

python -m tests.dashboard.frames
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from splitrun.dashboard.frame import Frame
from splitrun.dashboard.help import HINT
from splitrun.dashboard.view import RunView
from splitrun.plan import Plan
from tests.dashboard.simulated import GPU, at_party, folded, got_stuck, happened, plan_file, planned

GOLDENS = Path(__file__).parent / "goldens"


@dataclass(frozen=True)
class Case:
    """A plan's run at a moment, None for its end, on a terminal."""

    plan: Plan
    width: int
    height: int
    until: float | None = 3.0
    gpus: int = 0
    cores: int = 2
    stuck_s: float | None = None
    """The second bottom has been stuck for so long; its deadline is ten seconds."""
    silent_s: float = 0.0
    chosen: str = ""
    """The role that is marked."""
    has_help: bool = False
    role: str = ""
    """All that is known is what the party of this bottom knows on its own machine."""

    def view(self) -> RunView:
        view = self._view()
        view.unheard_s = self.silent_s
        return view

    def _view(self) -> RunView:
        if self.stuck_s is not None:
            left_s = max(0.0, 10 - self.stuck_s)
            ended = not left_s
            return folded(got_stuck(self.plan, 200, for_s=self.stuck_s, left_s=left_s, ended=ended))
        events = happened(self.plan, gpus=[GPU] * self.gpus, cores=self.cores)
        return folded(at_party(events, self.role) if self.role else events, self.until)


_STALE, _SEQUENTIAL = planned("stale", 8, steps=1200), planned("sequential", steps=400)
_FIVE = planned("stale", 8, parties=5, steps=1200)
_STUCK, _STUCK_FIVE = (planned("stale", 8, parties=count, steps=300) for count in (2, 5))
_MANY = planned("stale", 4, parties=20, steps=400)

CASES: Mapping[str, Case] = {
    "sequential-80x24": Case(_SEQUENTIAL, 80, 24),
    "stale-80x24": Case(_STALE, 80, 24),
    "stale-120x40": Case(_STALE, 120, 40, gpus=1),
    "stale-200x50": Case(_STALE, 200, 50, gpus=2, cores=16),
    "stale-done-80x24": Case(_STALE, 80, 24, until=None),
    "stale-done-120x40": Case(_STALE, 120, 40, until=None),
    "stale-done-200x50": Case(_STALE, 200, 50, until=None),
    "chosen-80x24": Case(_STALE, 80, 24, chosen=_STALE.bottoms[1].name),
    "chosen-200x50": Case(_STALE, 200, 50, chosen=_STALE.top.name),
    "help-80x24": Case(_STALE, 80, 24, has_help=True),
    "microbatch-80x24": Case(planned("microbatch", micro_batches=4), 80, 24),
    "five-parties-80x24": Case(_FIVE, 80, 24),
    "five-parties-200x50": Case(_FIVE, 200, 50, gpus=12, cores=128),
    "twenty-parties-80x24": Case(_MANY, 80, 24, gpus=4, cores=128),
    "stale-40x12": Case(_STALE, 40, 12),
    "stuck-80x24": Case(_STUCK, 80, 24, stuck_s=3.0),
    "stuck-120x40": Case(_STUCK, 120, 40, stuck_s=7.2),
    "stuck-200x50": Case(_STUCK, 200, 50, stuck_s=7.2),
    "stuck-chosen-80x24": Case(_STUCK, 80, 24, stuck_s=7.2, chosen=_STUCK.bottoms[1].name),
    "stuck-40x12": Case(_STUCK, 40, 12, stuck_s=7.2),
    "stuck-five-parties-80x24": Case(_STUCK_FIVE, 80, 24, stuck_s=7.2),
    "stuck-failed-80x24": Case(_STUCK, 80, 24, stuck_s=10.0),
    "one-party-80x24": Case(_FIVE, 80, 24, role=_FIVE.bottoms[1].name),
    "one-party-120x40": Case(_FIVE, 120, 40, role=_FIVE.bottoms[1].name),
    "silent-80x24": Case(_STALE, 80, 24, silent_s=3.0),
}


def drawn(case: Case) -> str:
    """The frame without its colours."""
    frame = Frame(case.view())
    frame.chosen, frame.has_help = case.chosen, case.has_help
    frame.hint = HINT if case.chosen or case.has_help else ""
    with TemporaryDirectory() as directory:
        frame.plan = plan_file(case.plan, Path(directory))
        if frame.view.ended_stuck:
            frame.stacks = (
                "stacks.txt in runs/20260101T000000Z-made-0123abcd tells where threads were"
            )
    lines = frame.lines(case.width, case.height - 1)
    return "".join("".join(segment.text for segment in line).rstrip() + "\n" for line in lines)


if __name__ == "__main__":
    for name, case in CASES.items():
        (GOLDENS / f"{name}.txt").write_text(drawn(case), encoding="utf-8")
