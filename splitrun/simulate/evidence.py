"""To which depth late gradients have been shown to cost no accuracy, for this kind of training.

`evidence.json` is what the study of staleness has confirmed, by the optimizer of a bottom and what
makes up for its staleness; `python -m tests.studies.staleness report` writes it. More than that
nobody has shown: a depth that is faster and not among it is unproven.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

import msgspec

from splitrun.spec import Spec, compensation_of, optimizer_of

FILE = "evidence.json"


class Evidence(msgspec.Struct, frozen=True):
    """What was confirmed of one optimizer with one set of rules."""

    optimizer: str
    compensation: tuple[str, ...]
    """In any order; empty where nothing makes up for staleness."""
    steps: int
    """Of the shortest training at the deepest depth that was confirmed."""
    shown: tuple[int, ...]
    """Depths that were confirmed on every dataset, ascending."""
    lost_at_most: Mapping[int, float]
    """By every depth that was tried: the one-sided 95 % upper bound of what the metric loses, on
    the dataset where that is most."""

    def shows(self, depth: int) -> bool:
        """Whether this depth is known to be accurate: the next deeper one that was tried is."""
        tried = min((each for each in self.lost_at_most if each >= depth), default=None)
        return depth == 1 or tried in self.shown

    def deepest(self, steps: int) -> int:
        """That a run may have of so many steps: as many for each batch in flight as the study's
        shortest training had, since at the beginning staleness costs most."""
        return min(self.shown[-1], steps * self.shown[-1] // self.steps)


@dataclass(frozen=True)
class ShownDepths:
    """The depths at which a run has been shown to be as accurate as one batch at a time."""

    depths: tuple[int, ...]
    """Ascending; 1 is the first."""
    of: str
    """What the evidence is about: "adam without compensation, 580 steps"."""

    @property
    def depth(self) -> int:
        """The deepest of them."""
        return self.depths[-1]


def shown(spec: Spec, steps: int) -> ShownDepths:
    """What is shown for a run of so many steps: what is for each of its bottoms.

    Nothing but one batch at a time where nobody has tried the optimizer with these rules.
    """
    each = [
        _of_bottom(spec, party, steps) for party, section in spec.parties.items() if section.bottom
    ]
    common = set.intersection(*(set(one.depths) for one in each))
    least = min(each, key=lambda one: one.depth)
    return ShownDepths(tuple(sorted(common)), least.of)


def _of_bottom(spec: Spec, party: str, steps: int) -> ShownDepths:
    optimizer = optimizer_of(spec, party).type
    rules = tuple(rule.type for rule in compensation_of(spec, party))
    what = f"{optimizer} {_with(rules)}, {steps:,} steps"
    found = known().get((optimizer, frozenset(rules)))
    if found is None:
        return ShownDepths((1,), what)
    depths = range(1, max(1, found.deepest(steps)) + 1)
    return ShownDepths(tuple(depth for depth in depths if found.shows(depth)), what)


def _with(rules: tuple[str, ...]) -> str:
    return f"with {' and '.join(rules)}" if rules else "without compensation"


@lru_cache(maxsize=1)
def known() -> Mapping[tuple[str, frozenset[str]], Evidence]:
    """All evidence there is, by optimizer and rules."""
    content = files("splitrun.simulate").joinpath(FILE).read_bytes()
    rows = msgspec.json.decode(content, type=list[Evidence])
    return {(row.optimizer, frozenset(row.compensation)): row for row in rows}
