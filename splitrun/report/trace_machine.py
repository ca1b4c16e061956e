"""Samples of the machine as counters of a trace."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from splitrun.events import Gpu, Sampled

_MIB = 1 << 20


class Counter(NamedTuple):
    """Values from a moment on; one that is not known is left out."""

    name: str
    time: float
    values: Mapping[str, float]


def counters(sampled: Sampled, before: Sampled | None, start: float) -> Iterator[Counter]:
    """What a sample tells.

    A share is one of the time since the sample before, so that it counts from then on.

    Args:
        start: when the run began, for the first sample.
    """
    now, since = sampled.time, start if before is None else before.time
    cores = sampled.core_percents
    shares = {"process": sampled.cpu_percent}
    if cores:
        shares["mean of cores"] = sum(cores) / len(cores)
    yield Counter("CPU %", since, shares)
    seconds = {} if before is None else before.role_cpu_s
    roles = {
        role: 100 * (cpu_s - seconds.get(role, 0.0)) / (now - since)
        for role, cpu_s in sampled.role_cpu_s.items()
    }
    yield Counter("CPU % of", since, roles)
    yield Counter("memory MiB", now, {"process": sampled.memory_bytes / _MIB})
    counts = {"threads": sampled.threads, "descriptors": sampled.descriptors}
    yield Counter("number of", now, counts)
    for index, gpu in enumerate(sampled.gpus):
        yield from _gpu_counters(f"GPU {index}", gpu, now, since)


def _gpu_counters(name: str, gpu: Gpu, now: float, since: float) -> Iterator[Counter]:
    if gpu.busy_percent is not None:
        yield Counter(name, since, {"busy %": gpu.busy_percent})
    if gpu.memory_bytes is not None:
        yield Counter(name, now, {"memory MiB": gpu.memory_bytes / _MIB})
    if gpu.power_w is not None:
        yield Counter(name, now, {"power W": gpu.power_w})
