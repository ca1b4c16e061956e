"""A plan as a timed marked graph, read off its programs.

In the steady state every role's program repeats the same round of instructions, one step on. Each
instruction of the round is a node, and stands for the moment when it has what it waits for; each
message of a link is one more, for the moment when it begins to leave. Edges say what has to come
before, by how much, and how many rounds earlier (tokens):

    the instruction before -> the next         its duration; 1 token where the round starts anew;
                                               none of a LOAD while emulated hardware is waited for
    SEND -> its message leaves                 the sender's work
    a message leaves -> the next one leaves    bytes / bandwidth: the link is busy
    a message leaves -> RECV                   bytes / bandwidth + latency; a token for every round
                                               that the sender is ahead of the receiver
    RECV -> a SEND, the capacity later         0: the credit

Jitter enters with its mean, half of the most. Times in such a graph are convex in the delays, so
that by Jensen's inequality the period with mean delays is never above the mean period (Baccelli,
Cohen, Olsder and Quadrat, "Synchronization and Linearity", 1992, ch. 8).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, ComputeEmulation, Instruction, Op, Plan, Role, Segment
from splitrun.simulate.costs import Costs, loads_ahead, rows_of
from splitrun.simulate.cycle import Edge


class Node(NamedTuple):
    """An instruction of a role's round, or a message of a channel's; steps are those of round 0."""

    owner: str
    """The role, or the channel."""
    instruction: Instruction
    """For a message, the SEND that it came from."""


@dataclass(frozen=True)
class Graph:
    """What must come before what in the steady state."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    """Their numbers index `nodes`; weights in seconds."""


def steady_graph(plan: Plan, costs: Costs) -> Graph:
    """The graph of a plan whose batches are all full, and whose roles each work alone.

    Raises:
        KeyError: a role has no costs.
        PlanInvalid: a program does not repeat itself from step to step.
    """
    plan = all_full(plan)
    builder = _Builder(plan, costs.alone())
    for role in plan.roles:
        builder.add_role(role)
    for channel in plan.channels:
        builder.add_channel(channel)
    return Graph(tuple(builder.numbers), tuple(builder.edges))


def all_full(plan: Plan) -> Plan:
    """The plan with one epoch of full batches, long enough to have a steady state."""
    rows = plan.rows(0)
    facts = replace(plan.facts, train_rows=rows * (2 * plan.depth + 4))
    return replace(plan, facts=facts, batch_size=rows, epochs=1)


def steady_round(plan: Plan, role: Role) -> tuple[Instruction, ...]:
    """What a role repeats, from after one update up to the next, which is that of step 0.

    Raises:
        PlanInvalid: the program does not repeat itself from step to step.
    """
    rounds: list[list[Instruction]] = [[]]
    for instruction in plan.segment_program(role, Segment(0, plan.steps)):
        step = instruction.step - (len(rounds) - 1)
        rounds[-1].append(instruction._replace(step=step))
        if instruction.op is Op.UPDATE:
            rounds.append([])
    first, second = rounds[plan.depth + 1 : plan.depth + 3]
    if first != second:
        raise PlanInvalid(f"{role.name}: the program does not repeat itself from step to step")
    return tuple(first)


class _Builder:
    """Numbers the nodes of a graph and collects its edges."""

    def __init__(self, plan: Plan, costs: Costs) -> None:
        self.numbers: dict[Node, int] = {}
        self.edges: list[Edge] = []
        self._plan = plan
        self._costs = costs
        self._roles = {role.name: role for role in plan.roles}
        self._rounds: dict[str, tuple[Instruction, ...]] = {}

    def add_role(self, role: Role) -> None:
        """The order of the role's program."""
        steady = self._rounds[role.name] = steady_round(self._plan, role)
        nodes = [self._number(Node(role.name, instruction)) for instruction in steady]
        weights = [self._duration_s(role, instruction) for instruction in steady]
        self._add_ring(nodes, weights)

    def add_channel(self, channel: Channel) -> None:
        """The messages of the channel, whose two roles are there already."""
        sends = list(self._of(channel.source, Op.SEND, channel.target))
        receives = {
            instruction.micro: instruction
            for instruction in self._of(channel.target, Op.RECV, channel.source)
        }
        self._add_messages(channel, sends, receives)
        self._add_credit(channel, sends, receives)

    def _add_messages(
        self, channel: Channel, sends: list[Instruction], receives: Mapping[int, Instruction]
    ) -> None:
        source, timing = self._roles[channel.source], channel.timing
        leaving, transfers_s = [], []
        for send in sends:
            receive = receives[send.micro]
            start, arrival = Node(channel.source, send), Node(channel.target, receive)
            rounds_ahead = send.step - receive.step
            work_s = self._duration_s(source, send)
            if timing is None:
                self._add(start, arrival, work_s, rounds_ahead)
                continue
            message = Node(channel.name, send)
            size = rows_of(self._plan, send) * self._plan.bytes_per_row(channel)
            transfer_s = size / timing.bytes_per_s
            delay_s = transfer_s + timing.latency_s + timing.jitter_s / 2
            self._add(start, message, work_s, 0)
            self._add(message, arrival, delay_s, rounds_ahead)
            leaving.append(self._number(message))
            transfers_s.append(transfer_s)
        self._add_ring(leaving, transfers_s)

    def _add_credit(
        self, channel: Channel, sends: list[Instruction], receives: Mapping[int, Instruction]
    ) -> None:
        """Message number n waits until message number n - capacity has been received."""
        for number, send in enumerate(sends):
            rounds, place = divmod(number - channel.capacity, len(sends))
            freed_by = sends[place]
            receive = receives[freed_by.micro]
            tokens = receive.step - freed_by.step - rounds
            self._add(Node(channel.target, receive), Node(channel.source, send), 0.0, tokens)

    def _add_ring(self, nodes: list[int], weights: list[float]) -> None:
        """One after the other, and the first again a round later."""
        for place, (node, weight) in enumerate(zip(nodes, weights, strict=True)):
            again = place + 1 == len(nodes)
            self.edges.append(Edge(node, nodes[0 if again else place + 1], weight, int(again)))

    def _add(self, source: Node, target: Node, weight: float, tokens: int) -> None:
        self.edges.append(Edge(self._number(source), self._number(target), weight, tokens))

    def _number(self, node: Node) -> int:
        return self.numbers.setdefault(node, len(self.numbers))

    def _of(self, role: str, op: Op, peer: str) -> Iterator[Instruction]:
        return (each for each in self._rounds[role] if each.op is op and each.peer == peer)

    def _duration_s(self, role: Role, instruction: Instruction) -> float:
        rows = rows_of(self._plan, instruction)
        if instruction.op is Op.LOAD and loads_ahead(role, self._costs.roles[role.name], rows):
            return 0.0
        work_s = self._costs.work_s(role.name, instruction.op, rows)
        return (
            ComputeEmulation(role.compute).lasts(instruction.op, work_s) if role.compute else work_s
        )
