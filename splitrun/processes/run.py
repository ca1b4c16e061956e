"""The processes runtime: every party's roles run in a process of the party's own.

Each is given its party's rows, and its own ends of channels. Here is only who looks on: events,
checkpoints and statuses come from all, and the first failure stops all. What they have trained
comes back at the end.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import ModuleType

from splitrun.data.encoded_files import open_data
from splitrun.errors import UsageError
from splitrun.plan import plan_to_bytes
from splitrun.processes.control import Assignment, tell
from splitrun.processes.files import write_state
from splitrun.processes.group import Group
from splitrun.processes.party_process import main
from splitrun.processes.ring import RingEnd, RingLayout, open_ring
from splitrun.processes.server import server, start
from splitrun.processes.started_party import StartedParty
from splitrun.processes.streams import streams_of
from splitrun.runtime import Job, Observer, Outcome
from splitrun.spec import has_checksums, resolved_yaml

_IDS = ("train_ids", "validation_ids", "test_ids")
"""What of a party's data is another part of the same rows from one run to the next."""


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
    plan, hooks, cores = job.plan, _has_hooks(job), _cores(job)
    party_of = {role.name: role.party for role in plan.roles}
    start()
    with ExitStack() as given:
        sources: dict[str, list[RingEnd]] = {party.name: [] for party in job.parties}
        targets: dict[str, list[RingEnd]] = {party.name: [] for party in job.parties}
        for channel in plan.channels:
            source, target = party_of[channel.source], party_of[channel.target]
            if source != target and not over_grpc:
                sending, receiving = open_ring(channel, RingLayout.of(plan, channel))
                given.callback(sending.close)
                given.callback(receiving.close)
                sources[source].append(sending)
                targets[target].append(receiving)
        names = [party.name for party in job.parties]
        streams = streams_of(plan, names) if over_grpc else {}
        for _, pipes in streams.values():
            for pipe in pipes:
                given.callback(os.close, pipe)
        started = []
        for party in job.parties:
            stream, pipes = streams.get(party.name, (None, ()))
            ours, theirs = server().Pipe()
            process = server().Process(target=main, args=(theirs,), name=party.name)
            with _no_main_module():
                process.start()
            theirs.close()
            roles = [role for role, of in party_of.items() if of == party.name]
            started.append(StartedParty(party.name, roles, process, ours, moved))
            stack.callback(started[-1].end)
            files = [
                open_data(party.data),
                *(write_state(job.roles[role].stage.state()) for role in roles),
            ]
            for file in files:
                given.callback(os.close, file)
            out, into = sources[party.name], targets[party.name]
            assignment = Assignment(
                party.name,
                resolved_yaml(party.spec),
                str(party.directory),
                {name: getattr(party.data, name).numpy().tobytes() for name in _IDS},
                roles,
                [end.channel.name for end in out],
                [end.channel.name for end in into],
                plan_to_bytes(plan),
                job.metrics,
                job.start,
                job.intra_op_threads,
                hooks=hooks,
                digests=job.digests,
                collects=observer.collect is not None,
                faults=job.faults is not None,
                fired=job.faults.fired if job.faults else (),
                core=cores.get(party.name),
                streams=stream,
                files=[*files, *(file for end in (*out, *into) for file in end.files), *pipes],
            )
            with suppress(OSError):  # whoever reads what it tells sees that it is gone
                tell(ours, assignment)
        return started


@contextmanager
def _no_main_module() -> Iterator[None]:
    """In here, a process that is started does not run the program's main module first: it needs
    nothing of it."""
    main_module = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main_module


def _cores(job: Job) -> Mapping[str, int]:
    """Which core each party's process keeps to, where there are enough and roles compute. Several
    runs on one machine begin at different ones, as far as their process numbers differ."""
    if not hasattr(os, "sched_getaffinity") or job.intra_op_threads > 1:
        return {}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < len(job.parties) or all(role.compute for role in job.plan.roles):
        return {}
    return {
        party.name: cores[(os.getpid() + number) % len(cores)]
        for number, party in enumerate(job.parties)
    }


def _has_hooks(job: Job) -> bool:
    """Whether the spec's hooks act; they are made anew in each process.

    Raises:
        UsageError: others are to act.
    """
    spec = job.parties[0].spec
    if len(job.hooks) not in (0, has_checksums(spec) + len(spec.hooks)):
        raise UsageError(
            "runtime.type: processes: hooks that are objects of this process cannot act in others; "
            "name them in the spec, or use another runtime"
        )
    return bool(job.hooks)
