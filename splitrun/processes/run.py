"""The processes runtime: every party's roles run in a process of the party's own.

Processes are forked from one that has imported what they need and has done nothing else, so that
none inherits threads or locks. Each is given its party's rows, and its own ends of channels. Here
is only who looks on: events, checkpoints and statuses come from all, and the first failure stops
all. What they have trained comes back at the end.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from types import ModuleType

from splitrun import usage
from splitrun.data.encoded_files import write_data
from splitrun.data.on_disk import write_tensors
from splitrun.errors import Lost, LostPeer, RunFailed, UsageError
from splitrun.party import Party
from splitrun.plan import Deadline, plan_to_bytes
from splitrun.processes.control import (
    Assignment,
    Due,
    Ended,
    Fired,
    Go,
    News,
    Ready,
    Stacks,
    Stop,
    hear,
    tell,
)
from splitrun.processes.ends import MakeEnds, grpc_ends, ring_ends
from splitrun.processes.party_process import main
from splitrun.processes.states import read_state, write_state
from splitrun.runtime import (
    ChannelStatistics,
    Job,
    Observer,
    Outcome,
    RoleOutcome,
    RoleStatus,
    Watchdog,
)
from splitrun.runtime.watchdog import LOOK_EVERY_S
from splitrun.spec import has_checksums, resolved_yaml

_LEAVE_S = 6.0
"""Processes that are told to stop have so long to do so; a little longer than they give their
threads."""
_STACKS_S = 1.0
"""They have so long to tell where they stand."""


def run(job: Job, observer: Observer) -> Outcome:
    """Run every party's roles in a process of its own; see `splitrun.runtime.Runtime`.

    Raises:
        UsageError: the job has what cannot be handed to another process.
    """
    return _run(job, observer, ring_ends)


def run_over_grpc(job: Job, observer: Observer) -> Outcome:
    """The same over gRPC with mutual TLS on this machine, as between organisations.

    Raises:
        UsageError: the job has what cannot be handed to another process.
    """
    return _run(job, observer, grpc_ends)


def _run(job: Job, observer: Observer, make_ends: MakeEnds) -> Outcome:
    with ExitStack() as stack:
        directory = tempfile.TemporaryDirectory(prefix="splitrun-", dir=_roomy())
        scratch = Path(stack.enter_context(directory))
        parties = _start(job, observer, scratch, make_ends, stack)
        return _Group(job, observer, parties).run()


def _roomy() -> str | None:
    """Where files that are handed over lie: in memory, if there is room enough."""
    memory = Path("/dev/shm")
    if sys.platform == "linux" and memory.is_dir() and os.access(memory, os.W_OK):
        if shutil.disk_usage(memory).free > 1 << 30:
            return str(memory)
    return None


@dataclass
class _PartyAtWork:
    """A party's process, as the one that has started it sees it."""

    name: str
    roles: Sequence[str]
    process: ForkServerProcess
    pipe: Connection
    statuses: dict[str, RoleStatus] = field(default_factory=dict)
    ended: Ended | None = None
    """What it told last."""
    error: Exception | None = None
    """What somebody raised who was told of it."""
    stacks: str = ""
    has_told_stacks: threading.Event = field(default_factory=threading.Event)
    is_ready: bool = False
    is_gone: bool = False
    """Nothing comes from it any more."""

    def read(self, job: Job, observer: Observer, moved: threading.Event) -> None:
        """Take in all that it tells, to its end; in a thread of its own."""
        try:
            while True:
                self._take(hear(self.pipe), job, observer, moved)
        except (EOFError, OSError):
            pass
        except Exception as error:  # noqa: BLE001 - raised by `run`
            self.error = error
        usage.forget(self.process_id)
        self.has_told_stacks.set()
        self.is_gone = True
        moved.set()

    def _take(self, message: object, job: Job, observer: Observer, moved: threading.Event) -> None:
        match message:
            case Ready():
                self.is_ready = True
                moved.set()
            case News():
                for event in message.events:
                    observer.emit(event)
                if message.usage is not None:
                    usage.note(self.process_id, message.usage)
                self.statuses.update({status.role: status for status in message.statuses})
            case Due() if observer.collect is not None:
                path = Path(message.state)
                observer.collect(message.role, message.step, lambda: read_state(path))
                path.unlink(missing_ok=True)
            case Fired() if job.faults is not None:
                job.faults.on_fire(message.index, message.role, message.instruction)
            case Stacks():
                self.stacks = f"{self.name}\n{message.text}"
                self.has_told_stacks.set()
            case Ended():
                self.ended = message

    @property
    def process_id(self) -> int:
        """As the system counts."""
        return self.process.pid or 0

    def tell(self, message: Go | Stop) -> None:
        """Say something to it, if it is still there."""
        with suppress(OSError):
            tell(self.pipe, message)

    @property
    def fate(self) -> str:
        """How it ended without a word."""
        self.process.join()
        code = self.process.exitcode or 0
        if code < 0:
            return f"its process was killed by {signal.Signals(-code).name}"
        return f"its process ended without a word, with exit code {code}"


class _Group:
    """The processes of a job, which stand and fall together."""

    def __init__(self, job: Job, observer: Observer, parties: Sequence[_PartyAtWork]) -> None:
        self._job, self._observer, self._parties = job, observer, parties
        self._moved = threading.Event()
        statuses = [
            lambda party=party, role=role: party.statuses.get(role, RoleStatus(role))
            for party in parties
            for role in party.roles
        ]
        self._watch = Watchdog(
            statuses,
            {party.name: party.roles for party in parties},
            job.deadline or Deadline.of(job.plan),
            observer.emit,
        )

    def run(self) -> Outcome:
        readers = [
            threading.Thread(
                target=party.read, args=(self._job, self._observer, self._moved), daemon=True
            )
            for party in self._parties
        ]
        for reader in readers:
            reader.start()
        try:
            self._attend()
        except BaseException as error:
            self._stop(error)
            for reader in readers:
                reader.join()
            if isinstance(error, KeyboardInterrupt):
                self._take_back(error)
                raise
            with suppress(Exception):
                self._observer.poll()
            raise self._cause(error) from None
        for reader in readers:
            reader.join()
        self._take_back(None)
        self._observer.poll()
        return self._outcome()

    def _attend(self) -> None:
        """Look on until all have ended.

        Raises:
            RunFailed: one of them has failed, is gone, or is past its deadline.
        """
        while not all(party.is_ready for party in self._parties):
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
            self._observer.poll()
            if failure := self._failure():
                raise failure
        self._observer.begin()
        for party in self._parties:
            party.tell(Go())
        while not all(party.is_gone for party in self._parties):
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
            self._observer.poll()
            self._watch.look()
            self._watch.tell()
            if failure := self._failure() or self._stalled():
                raise failure
        if failure := self._failure():
            raise failure

    def _failure(self) -> Exception | None:
        """What went wrong first, as far as one knows."""
        found = [failure for party in self._parties if (failure := self._of(party))]
        return min(found, key=_rank, default=None)

    def _of(self, party: _PartyAtWork) -> Exception | None:
        if party.error is not None:
            return party.error
        if party.ended is not None:
            return party.ended.failure.error() if party.ended.failure else None
        return self._watch.lost(party.name, party.fate) if party.is_gone else None

    def _stalled(self) -> RunFailed | None:
        failure = self._watch.stalled()
        if failure is None:
            return None
        for party in self._parties:
            party.tell(Stop(tell_stacks=True))
        for party in self._parties:
            party.has_told_stacks.wait(_STACKS_S)
        failure.stacks = "\n".join(party.stacks for party in self._parties if party.stacks)
        return failure

    def _cause(self, error: BaseException) -> BaseException:
        """What the error was that others followed from: whose process is gone is missed by others
        first."""
        return min(filter(None, (error, self._failure())), key=_rank)

    def _stop(self, error: BaseException) -> None:
        """End all, and kill who does not."""
        for party in self._parties:
            party.tell(Stop())
        for _ in range(round(_LEAVE_S / LOOK_EVERY_S)):  # looks: what is stopped has not slept long
            if all(party.is_gone for party in self._parties):
                break
            self._moved.wait(LOOK_EVERY_S)
            self._moved.clear()
        for party in self._parties:
            if not party.is_gone:
                party.process.kill()
                error.add_note(f"{party.name}'s process did not end and was killed")

    def _take_back(self, error: BaseException | None) -> None:
        """Give the stages here what was trained there.

        Raises:
            Lost: a process has not told what it has trained.
        """
        for party in self._parties:
            states = party.ended.states if party.ended else {}
            for role in party.roles:
                if role not in states:
                    at, cause = "the end", "its process has not told what it has trained"
                    raise Lost(role, at, cause) from error
                state = read_state(Path(states[role]))
                self._job.roles[role].stage.restore(state, self._job.plan.steps)

    def _outcome(self) -> Outcome:
        roles: dict[str, RoleOutcome] = {}
        channels: dict[str, ChannelStatistics] = {}
        for party in self._parties:
            if party.ended is not None:
                roles |= party.ended.roles
                channels |= party.ended.channels
        order = [role.name for role in self._job.plan.roles]
        return Outcome({role: roles[role] for role in order}, channels)


def _rank(error: BaseException) -> bool:
    """Of several errors, those with the lowest are not what others came to at another party."""
    return isinstance(error, LostPeer)


def _start(
    job: Job, observer: Observer, scratch: Path, make_ends: MakeEnds, stack: ExitStack
) -> Sequence[_PartyAtWork]:
    """Start the parties' processes, which end with the stack."""
    plan = job.plan
    context = get_context("forkserver")
    context.set_forkserver_preload(["splitrun.processes.party_process", "splitrun.wire.stream"])
    party_of = {role.name: role.party for role in plan.roles}
    with ExitStack() as starting:
        ends = make_ends(plan, [party.name for party in job.parties], starting)
        cores = _cores(job)
        started = []
        for number, party in enumerate(job.parties):
            ours, theirs = context.Pipe()
            arguments = (theirs, ends[party.name])
            process = context.Process(target=main, args=arguments, name=party.name, daemon=True)
            with _no_main_module():
                process.start()
            theirs.close()
            stack.callback(_end, process, ours)
            at_work = cores.get(party.name, ())
            tell(ours, _assignment(job, observer, party, scratch, number, at_work))
            roles = [role for role, of in party_of.items() if of == party.name]
            started.append(_PartyAtWork(party.name, roles, process, ours))
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


def _end(process: ForkServerProcess, pipe: Connection) -> None:
    pipe.close()
    process.join(_LEAVE_S)
    if process.is_alive():
        process.kill()
        process.join()
    process.close()


def _cores(job: Job) -> Mapping[str, Sequence[int]]:
    """Which cores each party's process keeps to: one of its own, where there are enough and roles
    compute. Threads of one party share Python's lock, which changes hands twenty times as fast on
    one core."""
    if not hasattr(os, "sched_getaffinity") or job.intra_op_threads > 1:
        return {}
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < len(job.parties) or all(role.compute for role in job.plan.roles):
        return {}
    return {party.name: (core,) for party, core in zip(job.parties, cores, strict=False)}


def _assignment(
    job: Job,
    observer: Observer,
    party: Party,
    scratch: Path,
    number: int,
    cores: Sequence[int],
) -> Assignment:
    """What a party's process is to run, with the files that it needs."""
    data = party.data
    files = scratch / f"{number}.data", scratch / f"{number}.rows"
    write_data(files[0], data)
    ids = {"train_ids", "validation_ids", "test_ids"}
    write_tensors(files[1], {name: getattr(data, name) for name in sorted(ids)}, {})
    own = [role for role in job.plan.roles if role.party == party.name]
    return Assignment(
        party.name,
        resolved_yaml(party.spec),
        str(party.directory),
        str(files[0]),
        str(files[1]),
        {
            role.name: write_state(
                scratch / f"{number}.{role.kind}.safetensors", job.roles[role.name].stage.state()
            )
            for role in own
        },
        plan_to_bytes(job.plan),
        job.metrics,
        job.start.step,
        job.start.epoch_loss,
        job.intra_op_threads,
        hooks=_has_hooks(job),
        digests=job.digests,
        collects=observer.collect is not None,
        faults=job.faults is not None,
        fired=job.faults.fired if job.faults else (),
        cores=cores,
        scratch=str(scratch),
    )


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
