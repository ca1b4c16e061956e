"""The maximum cycle ratio."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from splitrun.simulate.graph import Cycle, Edge, maximum_ratio_cycle


@st.composite
def live_graphs(draw: st.DrawFn) -> tuple[int, list[Edge]]:
    """Strongly connected: a ring, and more edges; those that do not lead on hold a token."""
    nodes = draw(st.integers(1, 6))
    ends = st.integers(0, nodes - 1)
    pairs = [(node, (node + 1) % nodes) for node in range(nodes)]
    pairs += draw(st.lists(st.tuples(ends, ends), max_size=8))
    return nodes, [
        Edge(
            source,
            target,
            draw(st.integers(0, 30)),
            draw(st.integers(0 if source < target else 1, 3)),
        )
        for source, target in pairs
    ]


def simple_cycles(nodes: int, edges: Sequence[Edge]) -> Iterator[Cycle]:
    """All of them, each from its lowest node."""

    def extend(path: list[Edge], start: int) -> Iterator[Cycle]:
        for edge in edges:
            if edge.source != (path[-1].target if path else start):
                continue
            if edge.target == start:
                yield Cycle((*path, edge))
            elif edge.target > start and all(edge.target != part.source for part in path):
                yield from extend([*path, edge], start)

    for start in range(nodes):
        yield from extend([], start)


@given(live_graphs())
def test_no_cycle_has_a_greater_ratio(graph: tuple[int, list[Edge]]) -> None:
    nodes, edges = graph
    found = maximum_ratio_cycle(nodes, edges)
    assert found.ratio == pytest.approx(max(cycle.ratio for cycle in simple_cycles(nodes, edges)))


@given(live_graphs())
def test_what_is_found_is_a_cycle(graph: tuple[int, list[Edge]]) -> None:
    nodes, edges = graph
    found = maximum_ratio_cycle(nodes, edges).edges
    assert all(edge in edges for edge in found)
    for edge, following in zip(found, (*found[1:], found[0]), strict=True):
        assert edge.target == following.source


def test_a_ring_of_a_thousand_nodes_is_one_cycle() -> None:
    edges = [Edge(node, (node + 1) % 1000, 0.1, int(node == 999)) for node in range(1000)]
    assert maximum_ratio_cycle(1000, edges).ratio == pytest.approx(100)
