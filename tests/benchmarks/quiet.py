"""Whether a machine was left to a study: what other processes, and the host, took of its cores.

Only a study that had the machine to itself is kept, in `build/benchmarks`, for its figures to be
quoted; a busy machine's are printed, with the reason why they are not.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splitrun.runtime.clock import now
from splitrun.session.environment import LoadMeter

KEPT = Path("build/benchmarks")
"""Where studies are kept, a file each."""
BUSY_PERCENT = 10.0
"""Of one core: what others take on the whole of a study that is kept is less."""
BURST_PERCENT = 50.0
"""Of one core: what they take for a second or more is less, too."""
SHORTEST_S = 1.0
"""Time is counted by the system in hundredths of a second: shorter stretches tell nothing."""


@dataclass(frozen=True)
class Stretch:
    """Some of the time of a study."""

    seconds: float
    others_percent: float
    """Processor time of others, a second; 100 is one core."""
    line: str = ""
    """Of the study, which was measured in it last."""


def why_busy(stretches: Sequence[Stretch]) -> str:
    """What is wrong with a study that had these; empty where nothing is."""
    seconds = sum(stretch.seconds for stretch in stretches)
    if not seconds:
        return ""
    taken = sum(stretch.seconds * stretch.others_percent for stretch in stretches) / seconds
    if taken >= BUSY_PERCENT:
        return f"others took {taken:.0f} % of a core over {seconds:.0f} s"
    worst = max(stretches, key=lambda stretch: stretch.others_percent)
    if worst.others_percent >= BURST_PERCENT:
        burst = f"others took {worst.others_percent:.0f} % of a core for {worst.seconds:.0f} s"
        return f"{burst}, at `{worst.line}`" if worst.line else burst
    return ""


class Watch:
    """Counts what others take from when it is made on; our own processes that have ended are ours,
    so that none may be at work when it is asked."""

    def __init__(self) -> None:
        self.stretches: list[Stretch] = []
        self._begin()

    def note(self, line: str = "") -> None:
        """A line of the study is done: if that took long enough, a stretch is over."""
        elapsed_s = now() - self._start
        if elapsed_s < SHORTEST_S:
            return
        children_percent = 100 * (_children_s() - self._children_s) / elapsed_s
        others_percent = max(0.0, self._meter.so_far().others_percent - children_percent)
        self.stretches.append(Stretch(elapsed_s, others_percent, line))
        self._begin()

    def _begin(self) -> None:
        self._start, self._meter, self._children_s = now(), LoadMeter(), _children_s()


def look_around() -> str:
    """Let the machine be for a second; what is wrong with it, empty where nothing is."""
    watch = Watch()
    time.sleep(SHORTEST_S)
    watch.note()
    return why_busy(watch.stretches)


def keep(study: str, lines: Sequence[str]) -> Path:
    """Write what a study has printed; gives where."""
    KEPT.mkdir(parents=True, exist_ok=True)
    path = KEPT / f"{study}.md"
    path.write_text("\n".join(lines) + "\n")
    return path


def _children_s() -> float:
    """Processor time of our processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system
