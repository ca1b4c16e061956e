"""One more trial of an arm, with all that happened in it written down."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import fmean

from splitrun.events import Event, Sampled, Sent
from splitrun.lock import locked
from splitrun.plan import Plan
from splitrun.study.timed_arm import TimedArm
from splitrun.study.training import Recorder, train_fresh
from splitrun.telemetry import JsonLines, Sampler, Shares, shares

_SAMPLES_EVERY_S = 0.05
"""A trial is short."""


@dataclass(frozen=True)
class Traffic:
    """What went over one channel between parties."""

    messages: int
    bytes_per_step: float


@dataclass(frozen=True)
class Recording:
    """What a trial's events add up to."""

    roles: Mapping[str, Shares]
    """Over the whole trial, fill and drain among it."""
    links: Mapping[str, Traffic]
    """By channel name."""
    peak_memory_bytes: int
    """Resident, of the process, which has run other arms before."""
    gpu_percent: float | None
    """Of all processors of that kind, whoever's work; None where there is none."""


def record(timed_arm: TimedArm, directory: Path) -> Recording:
    """Run one trial on threads and keep its `events.jsonl` in a new directory.

    Raises:
        RunFailed: a role failed.
        OSError: the directory cannot be written.
    """
    directory.mkdir(parents=True)
    events: list[Event] = []
    roles = [role.name for role in timed_arm.plan.roles]
    sampler = partial(Sampler, interval_s=_SAMPLES_EVERY_S, roles=roles)
    recorder = Recorder(directory, [JsonLines(), events.append], [sampler])
    with locked(directory):
        train_fresh(timed_arm.subject, "threaded", recorder=recorder)
    sampled = [event for event in events if isinstance(event, Sampled)]
    return Recording(
        roles=shares(events),
        links=_traffic(timed_arm.plan, [event for event in events if isinstance(event, Sent)]),
        peak_memory_bytes=max((sample.memory_bytes for sample in sampled), default=0),
        gpu_percent=_gpu_percent(sampled),
    )


def _traffic(plan: Plan, sent: list[Sent]) -> Mapping[str, Traffic]:
    party = {role.name: role.party for role in plan.roles}
    messages = Counter(event.channel for event in sent)
    size = Counter[str]()
    for event in sent:
        size[event.channel] += event.bytes
    return {
        channel.name: Traffic(messages[channel.name], size[channel.name] / plan.steps)
        for channel in plan.channels
        if party[channel.source] != party[channel.target]
    }


def _gpu_percent(sampled: list[Sampled]) -> float | None:
    busy = [
        gpu.busy_percent
        for sample in sampled
        for gpu in sample.gpus
        if gpu.busy_percent is not None
    ]
    return fmean(busy) if busy else None
