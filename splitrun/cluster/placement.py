"""Where a cluster puts the parties of a run: all of them at once, or none."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from splitrun.cluster.connection import Node, briefly
from splitrun.errors import NoCluster
from splitrun.party import Party
from splitrun.spec.model import RayResources

Resources = Mapping[str, float]


class Place(NamedTuple):
    """Where a party's actor is to be."""

    node: Node
    """Its raylet."""
    strategy: Any
    """That tells Ray."""


def asked(party: Party) -> RayResources:
    """What a party's actor takes."""
    return party.spec.parties[party.name].ray or RayResources()


def amounts(party: Party) -> Resources:
    """The same by Ray's names."""
    own = asked(party)
    gpus = {"GPU": own.num_gpus} if own.num_gpus else {}
    return {"CPU": own.num_cpus, **gpus, **own.resources}


@contextmanager
def places(ray: Any, parties: Sequence[Party], patience_s: float) -> Iterator[Mapping[str, Place]]:
    """In here the resources of all parties are held, on different nodes as far as there are some;
    gives each party's place.

    Args:
        patience_s: they may have to wait so long for others' work.

    Raises:
        NoCluster: a party asks for what no node has, or for what is not free in time.
    """
    for party in parties:
        if not any(_holds(node["Resources"], amounts(party)) for node in _nodes(ray)):
            what = f"parties.{party.name}.ray: no node of the cluster has {_told(amounts(party))}"
            raise NoCluster(f"{what}; {_there(ray)}; ask for less, or add a node that has it")
    group = ray.util.placement_group([dict(amounts(party)) for party in parties], "SPREAD")
    try:
        if not _is_placed(group, patience_s):
            wanted = ", ".join(f"{party.name} {_told(amounts(party))}" for party in parties)
            what = f"the cluster has no room for all parties at once ({wanted}), after"
            free = f"of which is free now: {_told(ray.available_resources())}"
            remedy = "end other work, ask for less under parties.*.ray, or add a node"
            raise NoCluster(f"{what} {patience_s:.3g} s; {_there(ray)}, {free}; {remedy}")
        yield _found(ray, group, [party.name for party in parties])
    finally:
        briefly(ray, lambda: ray.util.remove_placement_group(group))


def _is_placed(group: Any, patience_s: float) -> bool:
    """Whether there is room for a group in time; who waits can be interrupted."""
    until = time.monotonic() + patience_s
    while not group.wait(0.2):
        if time.monotonic() > until:
            return False
    return True


def _found(ray: Any, group: Any, parties: Sequence[str]) -> Mapping[str, Place]:
    """The places of a group that is placed, of which each party has a part."""
    strategy = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy
    nodes = {
        it["NodeID"]: Node(it["NodeManagerAddress"], it["NodeManagerPort"]) for it in ray.nodes()
    }
    node_of = ray.util.placement_group_table(group)["bundles_to_node_id"]
    return {
        party: Place(nodes[node_of[part]], strategy(group, part))
        for part, party in enumerate(parties)
    }


def _nodes(ray: Any) -> list[Mapping[str, Any]]:
    return [node for node in ray.nodes() if node["Alive"]]


def _holds(there: Resources, wanted: Resources) -> bool:
    return all(there.get(name, 0.0) >= amount for name, amount in wanted.items())


def _there(ray: Any) -> str:
    """What the nodes have, in words."""
    each = (f"{it['NodeManagerAddress']} has {_told(it['Resources'])}" for it in _nodes(ray))
    return ", ".join(each)


_OWN = ("memory", "object_store_memory", "node:")
"""What every node has, and no party asks for."""


def _told(resources: Resources) -> str:
    named = {name: it for name, it in resources.items() if not name.startswith(_OWN)}
    return " + ".join(f"{it:g} {name}" for name, it in sorted(named.items())) or "nothing"
