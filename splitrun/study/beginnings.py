"""Whether arms begin as the same networks: what differs at the end is then the arms' doing.

Initial weights are a matter of the seed alone. A module of one's own can break that, by what it
keeps between builds or draws elsewhere; its arms would be compared for what they are not.
"""

from __future__ import annotations

from collections.abc import Mapping

from splitrun.study.arms import Arm

StartPoint = Mapping[str, str]
"""Digests of initial weights, by role."""


class Beginnings:
    """Those of all arms, by seed; the first to begin at a seed says how the others have to."""

    def __init__(self) -> None:
        self._first: dict[int, tuple[Arm, StartPoint]] = {}

    def differing(self, seed: int, arm: Arm, mine: StartPoint) -> str:
        """What is wrong with an arm's beginning; empty where it is as it should be."""
        first, other = self._first.setdefault(seed, (arm, mine))
        roles = [role for role in mine if mine[role] != other.get(role)]
        if not roles:
            return ""
        return (
            f"{' and '.join(roles)}: at seed {seed}, {arm} begins with other weights than {first}, "
            "so that different networks would be compared; draw initial weights from torch's "
            "generator, and keep nothing from one build of a module to the next"
        )
