"""What a role's instructions cost, one after the other."""

from __future__ import annotations

import math

from splitrun.plan import Instruction, Op, Plan, Role
from splitrun.simulate.costs import FREE, Costs, rows_of


class Workload:
    """The work of one role under way, whose instructions are few that differ."""

    def __init__(self, plan: Plan, costs: Costs, role: Role) -> None:
        self._plan = plan
        self._costs = costs.roles[role.name]
        self._coldness = costs.coldness
        self._known: dict[tuple[Op, int, bool], tuple[int, float, float]] = {}
        self._last: dict[Op, float] = {}

    def start(self, instruction: Instruction, now: float) -> tuple[int, float]:
        """Rows that an instruction works on, and its seconds of work if it starts now."""
        op, step, micro, _, _ = instruction
        kind = (op, micro, (step + 1) % self._plan.steps_per_epoch == 0)
        if kind not in self._known:
            rows, cost = rows_of(self._plan, instruction), self._costs.get(op, FREE)
            self._known[kind] = rows, cost.of(rows), cost.cold_s
        rows, work_s, cold_s = self._known[kind]
        if cold_s:
            work_s += cold_s * self._coldness(now - self._last.get(op, -math.inf))
        return rows, work_s

    def end(self, op: Op, now: float) -> None:
        """Note that an operation's work is done."""
        self._last[op] = now
