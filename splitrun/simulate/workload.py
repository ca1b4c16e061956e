"""What a role's instructions cost, one after the other."""

from __future__ import annotations

import math

from splitrun.plan import Instruction, Op, Plan, Role
from splitrun.simulate.costs import FREE, Costs, coldness, loads_ahead, rows_of


class Workload:
    """The work of one role under way, whose instructions are few that differ."""

    def __init__(self, plan: Plan, costs: Costs, role: Role) -> None:
        self._plan = plan
        self._costs = costs.roles[role.name]
        self._loads_ahead = loads_ahead(role, self._costs, plan.rows(0))
        self._loaded = False
        """Whether the next batch is there before its LOAD."""
        self._known: dict[tuple[Op, int, bool], tuple[int, float, float]] = {}
        self._idle_s: dict[Op, float] = {}
        """How long nobody had worked when each operation was last begun."""

    def start(self, instruction: Instruction, idle_s: float) -> tuple[int, float]:
        """Rows that an instruction works on, and its seconds of work.

        Args:
            instruction: of the role's program.
            idle_s: how long nobody has worked in all.
        """
        op, step, micro, _, _ = instruction
        kind = (op, micro, (step + 1) % self._plan.steps_per_epoch == 0)
        if kind not in self._known:
            rows, cost = rows_of(self._plan, instruction), self._costs.get(op, FREE)
            self._known[kind] = rows, cost.of(rows), cost.cold_s
        rows, work_s, cold_s = self._known[kind]
        if op is Op.LOAD and self._loaded:
            self._loaded = False
            return rows, 0.0
        if cold_s:
            work_s += cold_s * coldness(idle_s - self._idle_s.get(op, -math.inf))
            self._idle_s[op] = idle_s
        return rows, work_s

    def ahead(self) -> float:
        """Seconds of work of loading the next batch while emulated hardware is waited for; 0 where
        it is loaded already, or in its turn."""
        if not self._loads_ahead or self._loaded:
            return 0.0
        self._loaded = True
        return self._costs.get(Op.LOAD, FREE).of(self._plan.rows(0))
