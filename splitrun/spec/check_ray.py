"""What a spec says of a Ray cluster: what Ray would not take, and what nobody reads."""

from __future__ import annotations

from collections.abc import Iterator

from splitrun.errors import Problem
from splitrun.spec.model import Spec

_SET_OTHERWISE = {
    "CPU": "use num_cpus",
    "GPU": "use num_gpus",
    "memory": "leave it out: splitrun asks for no memory",
    "object_store_memory": "leave it out: splitrun asks for no memory",
}
"""Resources of which Ray has settings of their own, and what helps."""


def ray_problems(spec: Spec) -> Iterator[Problem]:
    """What actors cannot ask for."""
    for name, party in spec.parties.items():
        if party.ray is None:
            continue
        path = ("parties", name, "ray")
        for resource in party.ray.resources:
            if resource in _SET_OTHERWISE:
                what = f"{resource} is no resource of that kind"
                yield Problem((*path, "resources", resource), what, _SET_OTHERWISE[resource])
        gpus = party.ray.num_gpus
        if gpus > 1 and not gpus.is_integer():
            what = f"{gpus:g} GPUs, and only parts of a single one can be had"
            yield Problem((*path, "num_gpus"), what, "use a whole number, or less than 1")


def ray_warnings(spec: Spec) -> Iterator[Problem]:
    """What has no effect on another runtime."""
    runtime = spec.runtime.type
    if runtime == "ray":
        return
    what, remedy = f"has no effect with the runtime {runtime}", "remove it, or use runtime.type=ray"
    if spec.runtime.address is not None:
        yield Problem(("runtime", "address"), what, remedy)
    for name, party in spec.parties.items():
        if party.ray is not None:
            yield Problem(("parties", name, "ray"), what, remedy)
