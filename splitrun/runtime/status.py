"""What a role is at, for whoever watches it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from splitrun.plan import Instruction


@dataclass(frozen=True)
class RoleStatus:
    """What a role is at, at one moment; times are the run's clock's, in seconds."""

    role: str
    doing: Instruction | None = None
    """None between instructions, before the first and after the last."""
    since: float = -math.inf
    """When it began that."""
    waits_for: str = ""
    """The role without which it cannot go on; empty where it is at work itself, or waits for a
    message that is under way."""
    under_way: bool = False
    """Whether it waits for a message that has been sent and has not arrived."""
    due: float = -math.inf
    """When what it is at should be over, as far as hardware and links are emulated."""
