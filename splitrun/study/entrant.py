"""Who takes part in the timing, and what a turn of it came to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from splitrun.plan import Plan
from splitrun.runtime import Gathering
from splitrun.session.environment import usable_cores
from splitrun.study.arms import Arm
from splitrun.study.training import RuntimeName, Subject


@dataclass(frozen=True, eq=False)
class Entrant:
    """An arm on one runtime, and the segment that it is timed over."""

    arm: Arm
    runtime: RuntimeName
    subject: Subject
    plan: Plan
    gathering: Gathering = field(default_factory=lambda: Gathering(usable_cores()))
    """Where its roles belong, for one turn is too short to find out."""


@dataclass(frozen=True)
class Turn:
    """One timed segment."""

    samples_per_s: float
    cpu_percent: float
    """Of one core, over the turn: 150 is one and a half cores."""


Turns = Mapping[Entrant, Sequence[Turn]]
"""Of every entrant its turns, one a round."""
