"""What actors on two nodes of a Ray cluster cost beside processes over the same gRPC, and beside a
loop written by hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from splitrun.cluster.connection import connected
from tests.benchmarks.processes import Case, hand_written, measured, ours
from tests.cluster.nodes import two_nodes

STEPS = 1024
DEEP = "pipeline={schedule: stale, depth: 8}"
_NEAR = "links={default: {latency_ms: 5}}"
_AWAY = "parties.bob.ray={resources: {away: 1}}"

CASES: Sequence[Case] = [
    (
        "depth 8 over 5 ms, against gRPC between processes",
        1.1,
        lambda: (
            ours(128, STEPS, "ray", DEEP, _NEAR, _AWAY),
            ours(128, STEPS, "grpc", DEEP, _NEAR),
        ),
    ),
    (
        "depth 8 without links, against the same",
        1.1,
        lambda: (ours(128, STEPS, "ray", DEEP, _AWAY), ours(128, STEPS, "grpc", DEEP)),
    ),
    (
        "depth 8 without links, against the loop",
        2.5,
        lambda: (ours(128, STEPS, "ray", DEEP, _AWAY), hand_written(128, STEPS)),
    ),
]
"""Of the tutorial's model: 24 → 100 → 64 for two parties, batch 128."""


def measure(pairs: int) -> Iterator[str]:
    """Rows of a Markdown table; the second party has a node of its own."""
    with two_nodes() as nodes, connected(nodes.address):
        yield from measured(CASES, pairs)
