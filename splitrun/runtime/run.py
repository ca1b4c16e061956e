"""`run`: a plan, with every role's stage and feed, from the first instruction to the last."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Literal, cast

from splitrun.data import Feed
from splitrun.events import Emit
from splitrun.model import BottomStage, Stage, TopStage
from splitrun.plan import Deadline, Plan, Role
from splitrun.runtime import serial, threaded
from splitrun.runtime.affinity import AffinityTuner
from splitrun.runtime.bottom import BottomWorker
from splitrun.runtime.channel import ChannelStatistics, Receiver, Sender, open_channel
from splitrun.runtime.cpu_pin import cpu_pins
from splitrun.runtime.faults import Faults
from splitrun.runtime.thread_group import ThreadGroup
from splitrun.runtime.top import Score, TopWorker
from splitrun.runtime.watchdog import Watchdog
from splitrun.runtime.worker import FROM_THE_START, RoleChannels, StartPoint, Worker


def run(
    plan: Plan,
    stages: Mapping[str, Stage],
    feeds: Mapping[str, Feed],
    score: Score,
    *,
    runtime: Literal["serial", "threaded"],
    intra_op_threads: int,
    emit: Emit,
    poll: Callable[[], None],
    beginning: StartPoint = FROM_THE_START,
    checksums: bool = False,
    deadline: Deadline | None = None,
    faults: Faults | None = None,
    affinity_tuner: AffinityTuner | None = None,
) -> Mapping[str, ChannelStatistics]:
    """Run a plan; the stages hold the trained weights afterwards.

    Args:
        stages: by role name, as are `feeds`.
        emit: called by the roles' threads for every event.
        poll: called in this thread every tenth of a second.
        beginning: a checkpoint's; the stages have been restored to it.
        checksums: whether messages carry them.
        deadline: of instructions; default: what the plan suggests.
        faults: that are to happen.
        affinity_tuner: of an earlier run of such a plan, which knows where its roles belong.

    Returns:
        What passed through each channel.

    Raises:
        RunFailed: naming role, instruction and batch; every thread has ended but those that it
            names as left behind.
        KeyboardInterrupt: likewise.
    """
    ends = _open_channels(plan, emit, checksums=checksums)

    def ties(role: Role) -> tuple[Feed, RoleChannels, Emit, StartPoint]:
        return feeds[role.name], ends[role.name], emit, beginning

    workers: list[Worker] = [
        BottomWorker(plan, role, cast("BottomStage", stages[role.name]), *ties(role))
        for role in plan.bottoms
    ]
    top = cast("TopStage", stages[plan.top.name])
    workers.append(TopWorker(plan, plan.top, top, *ties(plan.top), score))

    if runtime == "threaded":
        _seat(workers, plan, intra_op_threads, affinity_tuner)
    for worker in workers:
        if faults is not None:
            faults.equip(worker)

    def stop() -> None:
        for worker in workers:
            worker.stop()

    if runtime == "serial":
        tasks = serial.tasks(workers)
        threads = dict.fromkeys(tasks, workers)
    else:
        tasks = threaded.tasks(workers)
        threads = {worker.role.name: [worker] for worker in workers}
    watch = Watchdog(workers, threads, deadline or Deadline.of(plan), emit)
    ThreadGroup(tasks, stop, intra_op_threads).run(poll, watch)
    return {
        f"{source}->{worker.role.name}": receiver.statistics()
        for worker in workers
        for source, receiver in worker.channels.receivers.items()
    }


def _seat(
    workers: Sequence[Worker],
    plan: Plan,
    intra_op_threads: int,
    affinity_tuner: AffinityTuner | None,
) -> None:
    """Give threads their cores, where the system can; PyTorch's helpers would inherit them."""
    if not hasattr(os, "sched_setaffinity") or intra_op_threads > 1:
        return
    cores = os.sched_getaffinity(0)
    if all(role.compute for role in plan.roles):
        places = cpu_pins(plan, sorted(cores))
        for worker in workers:
            worker.cpu_pin = places[worker.role.name]
    elif len(cores) > 1:
        affinity_tuner = affinity_tuner or AffinityTuner(cores)
        for worker in workers:
            affinity_tuner.equip(worker)


def _open_channels(plan: Plan, emit: Emit, *, checksums: bool) -> dict[str, RoleChannels]:
    senders: dict[str, dict[str, Sender]] = {role.name: {} for role in plan.roles}
    receivers: dict[str, dict[str, Receiver]] = {role.name: {} for role in plan.roles}
    for channel in plan.channels:
        sender, receiver = open_channel(channel, emit, checksums=checksums)
        senders[channel.source][channel.target] = sender
        receivers[channel.target][channel.source] = receiver
    return {
        role.name: RoleChannels(senders[role.name], receivers[role.name]) for role in plan.roles
    }
