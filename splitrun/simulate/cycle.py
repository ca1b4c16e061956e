"""The maximum cycle ratio of a graph, by Howard's policy iteration.

Every edge has a weight and a number of tokens; the ratio of a cycle is its weight over its tokens.
In a timed marked graph that is the least time between two rounds of the cycle, and the largest one
the period of the whole (Cohen, Dubois, Quadrat and Viot 1985). Karp (1978) gave the first algorithm
for cycle means. Howard's was brought to them by Cochet-Terrasson, Cohen, Gaubert, McGettrick and
Quadrat ("Numerical computation of spectral elements in max-plus algebra", 1998, §3) and is the
fastest in practice, also for ratios (Dasdan, ACM TODAES 9(4), 2004).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

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
