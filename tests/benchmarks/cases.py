"""Unlike experiments to predict: few and many parties, all schedules, links of all kinds, emulated
hardware and real, and some without links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from splitrun.spec import Document, loads

Content = dict[str, Any]

EVEN: Content = {"forward_ms": 2, "backward_ms": 2, "update_ms": 1, "loss_ms": 3}
SLOW: Content = {"forward_ms": 6, "backward_ms": 9, "update_ms": 2, "loss_ms": 4}
QUICK: Content = {"forward_ms": 1, "backward_ms": 1, "update_ms": 0.5, "loss_ms": 1.5}


@dataclass(frozen=True)
class Case:
    """One experiment; with `compute` its hardware is emulated, without it is this machine's."""

    name: str
    parties: int = 2
    batch_size: int = 128
    pipeline: Content = field(default_factory=lambda: {"schedule": "stale", "depth": 4})
    links: Content | None = None
    compute: Content | None = None
    """Of every party's bottom and of the top, unless a party has its own."""
    computes: Mapping[int, Content] = field(default_factory=dict)
    """By the party's number."""
    depths: Mapping[int, int] = field(default_factory=dict)
    bottom: Content = field(default_factory=lambda: {"type": "mlp", "hidden": [64], "out": 32})
    optimizer: Content = field(default_factory=lambda: {"type": "adam", "lr": 0.001})

    def document(self) -> Document:
        """The spec; its rows fill batches, and its epochs are more than anyone measures."""
        parties: Content = {}
        for number in range(self.parties):
            party: Content = {
                "bottom": self.bottom,
                "compute": _only(_BOTTOM, self.computes.get(number, self.compute)),
            }
            if number in self.depths:
                party["depth"] = self.depths[number]
            parties[f"p{number}"] = party
        content = {
            "name": "case",
            "dataset": {
                "type": "synthetic",
                "rows": 16 * self.batch_size,
                "test_fraction": 0,
                "numeric": 8,
                "batch_size": self.batch_size,
            },
            "parties": parties,
            "top": {
                "party": "p0",
                "model": {"type": "mlp", "hidden": [32], "out": 1},
                "loss": "binary_cross_entropy",
                "compute": _only(_TOP, self.compute),
            },
            "training": {"epochs": 100, "optimizer": self.optimizer},
            "pipeline": self.pipeline,
            "links": self.links or {},
        }
        return loads(yaml.safe_dump(content, sort_keys=False), f"{self.name}.yaml")


_BOTTOM = ("forward_ms", "backward_ms", "update_ms")
_TOP = ("loss_ms", "update_ms")


def _only(keys: Sequence[str], compute: Content | None) -> Content | None:
    return None if compute is None else {key: compute[key] for key in keys}


def way(latency_ms: float, bandwidth_mbps: float = 1000, jitter_ms: float = 0) -> Content:
    return {"latency_ms": latency_ms, "bandwidth_mbps": bandwidth_mbps, "jitter_ms": jitter_ms}


def stale(depth: int) -> Content:
    return {"schedule": "stale", "depth": depth}


def sliced(micro_batches: int) -> Content:
    return {"schedule": "microbatch", "micro_batches": micro_batches}


SEQUENTIAL: Content = {"schedule": "sequential"}
WAN, METRO = {"default": "wan"}, {"default": "metro"}

LINKED = (
    Case(
        "emulated, sequential, 5 ms", pipeline=SEQUENTIAL, links={"default": way(5)}, compute=EVEN
    ),
    Case("emulated, depth 2, 10 ms", pipeline=stale(2), links={"default": way(10)}, compute=EVEN),
    Case("emulated, depth 4, 25 ms", links=WAN, compute=EVEN),
    Case("emulated, depth 8, 50 ms", pipeline=stale(8), links={"default": way(50)}, compute=SLOW),
    Case(
        "emulated, 3 parties, 5 and 40 ms, depth 4",
        parties=3,
        links={"p0-p1": way(5), "p0-p2": way(40)},
        compute=EVEN,
    ),
    Case(
        "emulated, 4 parties, depth 6, 100 ms",
        parties=4,
        pipeline=stale(6),
        links={"default": way(100)},
        compute=SLOW,
    ),
    Case("emulated, 8 parties, depth 4, 25 ms", parties=8, links=WAN, compute=SLOW),
    Case(
        "emulated, 4 micro-batches, 25 ms, batch 1,024",
        batch_size=1024,
        pipeline=sliced(4),
        links=WAN,
        compute=SLOW,
    ),
    Case(
        "emulated, 3 unlike parties, 2 micro-batches, 20 ms",
        parties=3,
        pipeline=sliced(2),
        links={"default": way(20)},
        compute=EVEN,
        computes={1: SLOW, 2: QUICK},
    ),
    Case(
        "emulated, 5 parties of depths 2 to 8, 10 to 60 ms",
        parties=5,
        links={"default": way(10), "p0-p2": way(30), "p0-p4": way(60)},
        compute=EVEN,
        depths={1: 2, 2: 5, 4: 8},
    ),
    Case(
        "emulated, bandwidth of 20 Mbit/s, depth 4, batch 1,024",
        batch_size=1024,
        links={"default": way(10, 20)},
        compute=EVEN,
    ),
    Case(
        "emulated, jitter of 10 ms, depth 8, 20 ms",
        pipeline=stale(8),
        links={"default": way(20, 1000, 10)},
        compute=EVEN,
    ),
    Case("depth 4, 25 ms", links=WAN),
    Case("depth 8, 10 ms", pipeline=stale(8), links={"default": way(10)}),
    Case("depth 2, 25 ms, batch 1,024", batch_size=1024, pipeline=stale(2), links=WAN),
    Case("depth 4, 5 ms, batch 1,024", batch_size=1024, links=METRO),
    Case(
        "3 parties, sequential, 20 ms, batch 512",
        parties=3,
        batch_size=512,
        pipeline=SEQUENTIAL,
        links={"default": way(20)},
    ),
    Case(
        "4 parties, depth 8, 50 ms, batch 256",
        parties=4,
        batch_size=256,
        pipeline=stale(8),
        links={"default": way(50)},
    ),
    Case("8 parties, depth 4, 100 ms", parties=8, links={"default": way(100)}),
    Case("4 micro-batches, 25 ms, batch 2,048", batch_size=2048, pipeline=sliced(4), links=WAN),
    Case(
        "3 parties, 5 and 60 ms, depth 6, batch 512",
        parties=3,
        batch_size=512,
        pipeline=stale(6),
        links={"p0-p1": way(5), "p0-p2": way(60)},
    ),
    Case(
        "wide bottoms, depth 4, 40 ms, batch 512",
        batch_size=512,
        links={"default": way(40)},
        bottom={"type": "mlp", "hidden": [256, 256], "out": 64},
    ),
)
"""Whose time is mostly the links'."""

CROWDED = (
    Case("batch 128, no links"),
    Case("batch 1,024, no links", batch_size=1024),
    Case("3 parties, batch 256, no links", parties=3, batch_size=256),
    Case("6 parties, batch 512, no links", parties=6, batch_size=512),
    Case("batch 128, `lan`", links={"default": "lan"}),
    Case("batch 1,024, `metro`", batch_size=1024, links=METRO),
    Case("batch 128, 10 ms", links={"default": way(10)}),
    Case("batch 128, `wan`", links=WAN),
    Case("3 parties, batch 512, 20 ms", parties=3, batch_size=512, links={"default": way(20)}),
    Case("4 parties, batch 256, 50 ms", parties=4, batch_size=256, links={"default": way(50)}),
)
"""Whose limit is this machine's cores, at the depth that is advised."""

UNLINKED = (
    Case("sequential", pipeline=SEQUENTIAL),
    Case("sequential, batch 1,024", batch_size=1024, pipeline=SEQUENTIAL),
    Case("depth 4"),
    Case("depth 4, batch 1,024", batch_size=1024),
    Case("3 parties, depth 2, batch 256", parties=3, batch_size=256, pipeline=stale(2)),
    Case("4 micro-batches, batch 1,024", batch_size=1024, pipeline=sliced(4)),
    Case("6 parties, depth 4, batch 512", parties=6, batch_size=512),
)
"""Whose time is this machine's."""
