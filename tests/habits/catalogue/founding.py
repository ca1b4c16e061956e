"""What was found first, by those who wrote splitrun."""

from __future__ import annotations

from functools import partial

from tests.habits.habit import Habit

_SOURCE = "splitrun: found in review"

_REFUSED_SLICES = "refused (?i)micro"
"""What a batch as a whole decides cannot be the same for its slices."""
_REFUSED_SPARSE = "refused sparse"
_REFUSED_STATE = "refused (?i)state"
"""What a module counts outside of its tensors is in no checkpoint."""

_habit = partial(Habit, source=_SOURCE, fails_before=True)

HABITS: tuple[Habit, ...] = (
    _habit("founding:Rezero", twin=True),
    _habit("founding:Closure", twin=True, stash="twin"),
    _habit("founding:TakesList", kwargs={"hidden": [8, 4]}),
    _habit("founding:FrozenNorm"),
    _habit(
        "founding:Unfreezes",
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        kwargs={"begins": 7},
    ),
    _habit(
        "founding:LateDropout",
        draws=True,
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        kwargs={"begins": 6},
    ),
    _habit(
        "founding:LateRecomputation",
        twin=True,
        keeps_state=True,
        microbatch=_REFUSED_SLICES,
        resume=_REFUSED_STATE,
        kwargs={"begins": 25},
    ),
    _habit("founding:BatchStatistics", microbatch=_REFUSED_SLICES),
    _habit("founding:FillsBuffer", microbatch=_REFUSED_SLICES),
    _habit("founding:HoldsLock", stash="build"),
    _habit("founding:OldWeightNorm", stash="build"),
    _habit("founding:ChangesInput"),
    _habit("founding:SometimesUsed", microbatch=_REFUSED_SLICES),
    _habit(
        "founding:FunctionalSparse",
        sequential=_REFUSED_SPARSE,
        microbatch=_REFUSED_SPARSE,
        stale=_REFUSED_SPARSE,
        resume=_REFUSED_SPARSE,
    ),
    _habit("founding:FunctionalSparse", optimizer="sgd", fails_before=False),
    _habit("founding:Frozen"),
)
