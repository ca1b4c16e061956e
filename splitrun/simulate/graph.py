"""A plan as a timed marked graph, read off its programs, and the cycle that limits it.

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

The ratio of a cycle is its weight over its tokens: the least time between two rounds of it. The
largest one is the period of the whole (Cohen, Dubois, Quadrat and Viot 1985). It is found by
Howard's policy iteration, brought to such graphs by Cochet-Terrasson, Cohen, Gaubert, McGettrick
and Quadrat ("Numerical computation of spectral elements in max-plus algebra", 1998, §3), and the
fastest in practice, also for ratios (Dasdan, ACM TODAES 9(4), 2004).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from splitrun.errors import PlanInvalid
from splitrun.plan import Channel, ComputeEmulation, Instruction, Op, Plan, Role, Segment
from splitrun.simulate.costs import Costs, loads_ahead, rows_of

_TOLERANCE = 1e-12
"""Relative to the largest potential; a smaller improvement is taken for rounding."""


class Edge(NamedTuple):
    """`target` cannot happen until `weight` after `source` has happened `tokens` rounds before."""

    source: int
    target: int
    weight: float
    tokens: int


@dataclass(frozen=True)
class Cycle:
    """A cycle and what it comes to."""

    edges: tuple[Edge, ...]

    @property
    def weight(self) -> float:
        """Of all edges."""
        return sum(edge.weight for edge in self.edges)

    @property
    def tokens(self) -> int:
        """Of all edges."""
        return sum(edge.tokens for edge in self.edges)

    @property
    def ratio(self) -> float:
        """Weight per token."""
        return self.weight / self.tokens


def maximum_ratio_cycle(nodes: int, edges: Sequence[Edge]) -> Cycle:
    """A cycle whose ratio none exceeds, in a strongly connected graph.

    Nodes are numbered from 0. Every cycle must hold at least one token, as it does in a graph that
    cannot deadlock.

    A policy is one edge out of every node. Its best cycle is what we look for, unless some node has
    a better edge at that ratio. Changing to such edges keeps the cycle or leads to a better one, so
    that the search ends.
    """
    into: list[list[Edge]] = [[] for _ in range(nodes)]
    for edge in edges:
        into[edge.target].append(edge)
    policy = [max(out, key=lambda edge: edge.weight) for out in _out(nodes, edges)]
    while True:
        best = max(_cycles(policy), key=lambda cycle: cycle.ratio)
        potential = _evaluate(policy, best, into)
        if not _improve(policy, edges, best.ratio, potential):
            return best


def _out(nodes: int, edges: Sequence[Edge]) -> list[list[Edge]]:
    out: list[list[Edge]] = [[] for _ in range(nodes)]
    for edge in edges:
        out[edge.source].append(edge)
    return out


def _cycles(policy: Sequence[Edge]) -> list[Cycle]:
    """All cycles of a graph in which every node has one edge out."""
    visited_from = [-1] * len(policy)
    cycles = []
    for root in range(len(policy)):
        node = root
        while visited_from[node] < 0:
            visited_from[node] = root
            node = policy[node].target
        if visited_from[node] == root:
            cycle = [policy[node]]
            while cycle[-1].target != node:
                cycle.append(policy[cycle[-1].target])
            cycles.append(Cycle(tuple(cycle)))
    return cycles


def _evaluate(policy: list[Edge], best: Cycle, into: Sequence[Sequence[Edge]]) -> list[float]:
    """The weight from every node to the best cycle, less its ratio for every token on the way.

    Nodes that the policy leads elsewhere are turned towards it.
    """
    root = min(edge.source for edge in best.edges)
    potential = {root: 0.0}
    reached = [root]
    for follows_policy in (True, False):
        for node in reached:
            for edge in into[node]:
                source = edge.source
                if source in potential or (follows_policy and policy[source] is not edge):
                    continue
                policy[source] = edge
                potential[source] = potential[node] + edge.weight - best.ratio * edge.tokens
                reached.append(source)
    return [potential[node] for node in range(len(policy))]


def _improve(
    policy: list[Edge], edges: Sequence[Edge], ratio: float, potential: Sequence[float]
) -> bool:
    """Give every node its best edge; whether any had a better one."""
    least = _TOLERANCE * max(map(abs, potential))
    value = [potential_of + least for potential_of in potential]
    improved = False
    for edge in edges:
        through = potential[edge.target] + edge.weight - ratio * edge.tokens
        if through > value[edge.source]:
            value[edge.source] = through
            policy[edge.source] = edge
            improved = True
    return improved


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
