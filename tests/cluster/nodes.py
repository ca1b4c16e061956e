"""A Ray cluster of two nodes on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil

from splitrun.cluster.connection import NICENESS, imported_ray


class TwoNodes:
    """Of which the second has a resource, `away`, that the head lacks."""

    def __init__(self) -> None:
        imported_ray()
        os.environ.setdefault(NICENESS, "0")
        from ray.cluster_utils import Cluster

        head = {"num_cpus": 1, "include_dashboard": False}
        self._cluster: Any = Cluster(initialize_head=True, head_node_args=head)
        self.address: str = self._cluster.address
        self._other = self._added()

    def _added(self) -> Any:
        return self._cluster.add_node(num_cpus=1, resources={"away": 1})

    @property
    def raylet(self) -> psutil.Process:
        """The second node's."""
        return psutil.Process(self._other.all_processes["raylet"][0].process.pid)

    def replace_other(self) -> None:
        """Another node in the place of the second, whose raylet is gone."""
        self._cluster.remove_node(self._other, allow_graceful=False)
        self._other = self._added()

    def end(self) -> None:
        """Both."""
        self._cluster.shutdown()


@contextmanager
def two_nodes() -> Iterator[TwoNodes]:
    """Two nodes, which end with the context."""
    nodes = TwoNodes()
    try:
        yield nodes
    finally:
        nodes.end()
