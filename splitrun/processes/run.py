"""The processes runtime: every party's roles run in a process of the party's own.

Each is given its party's rows, and its own ends of channels. Here is only who looks on: events,
checkpoints and statuses come from all, and the first failure stops all. What they have trained
comes back at the end.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from splitrun.data.encoded_files import open_data
from splitrun.processes.assignment import Assigner
from splitrun.processes.core import own_cores, shared_out
from splitrun.processes.group import Group
from splitrun.processes.party_process import main
from splitrun.processes.pipe import LocalPipe
from splitrun.processes.process import LocalProcess
from splitrun.processes.ring import RingEnd, RingLayout, open_ring
from splitrun.processes.server import no_main_module, server, start
from splitrun.processes.started_party import StartedParty
from splitrun.processes.streams import streams_of
from splitrun.runtime import Job, Observer, Outcome

_LOOPBACK = "127.0.0.1"


def run(job: Job, observer: Observer) -> Outcome:
    """Run every party's roles in a process of its own; see `splitrun.runtime.Runtime`.

    Raises:
        UsageError: the job has what cannot be handed to another process.
    """
    return _run(job, observer, over_grpc=False)


def run_over_grpc(job: Job, observer: Observer) -> Outcome:
    """The same over gRPC with mutual TLS, as between organisations.

    Raises:
        UsageError: the job has what cannot be handed to another process.
    """
    return _run(job, observer, over_grpc=True)


def _run(job: Job, observer: Observer, *, over_grpc: bool) -> Outcome:
    with ExitStack() as stack:
        moved = threading.Event()
        parties = _start(job, observer, moved, stack, over_grpc=over_grpc)
        return Group(job, observer, parties, moved).run()


def _start(
    job: Job, observer: Observer, moved: threading.Event, stack: ExitStack, *, over_grpc: bool
) -> Sequence[StartedParty]:
    """Start the parties' processes, which end with the stack."""
    plan, cores, assigner = (
        job.plan,
        shared_out(job, job.parties, own_cores()),
        Assigner(job, observer),
    )
    start()
    with ExitStack() as given:
        ends: dict[str, list[RingEnd]] = {party.name: [] for party in job.parties}
        for channel in plan.channels:
            source, target = assigner.party_of[channel.source], assigner.party_of[channel.target]
            if source != target and not over_grpc:
                both = open_ring(channel, RingLayout.of(plan, channel))
                for name, end in zip((source, target), both, strict=True):
                    given.callback(end.close)
                    ends[name].append(end)
        names = [party.name for party in job.parties]
        streams = streams_of(plan, names, _LOOPBACK) if over_grpc else {}
        started = []
        for party in job.parties:
            ours, theirs = server().Pipe()
            process = server().Process(target=main, args=(LocalPipe(theirs),), name=party.name)
            with no_main_module():
                process.start()
            theirs.close()
            local = LocalProcess(process, ours)
            stack.callback(local.end)
            roles = assigner.roles_of(party)
            started.append(StartedParty(party.name, roles, local, moved))
            rows = open_data(party.data)
            given.callback(os.close, rows)
            assignment = assigner.assignment(
                party, given, [rows], ends[party.name], streams=streams.get(party.name)
            )
            assignment.core = cores.get(party.name)
            with suppress(OSError):  # whoever reads what it tells sees that it is gone
                local.tell(assignment)
        return started
