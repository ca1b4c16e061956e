"""The process of one party: it makes the party's roles again from what it is given, runs them in
threads, and tells the process that has started it what happens.

It ends when it is told to, and by itself when nobody listens any more.
"""

from __future__ import annotations

import io
import math
import os
import threading
import traceback
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import cast

import torch

from splitrun.errors import LostPeer, RunFailed, one_line
from splitrun.events import AnyEvent, Event
from splitrun.model import Stage, State
from splitrun.plan import Deadline, Instruction, plan_from_bytes, planned_faults
from splitrun.processes.control import (
    Assignment,
    Decided,
    Dial,
    Due,
    Ended,
    Failure,
    Fired,
    Listening,
    Message,
    News,
    Reached,
    Ready,
    Stacks,
    Stop,
)
from splitrun.processes.core import Core
from splitrun.processes.files import read_state, write_state
from splitrun.processes.pipe import Pipe
from splitrun.processes.ring import RingEnd, RingLayout
from splitrun.processes.rows import party_of
from splitrun.processes.streams import OpenStreams
from splitrun.runtime import (
    Faults,
    Job,
    Observer,
    ReceiverEnd,
    RoleStatus,
    SenderEnd,
    find_runtime,
    stacks,
)
from splitrun.runtime.clock import keep_to, now
from splitrun.session.job import job_of
from splitrun.usage import Meter

_LEAVES_S = 10.0
"""When nobody listens any more, a process is gone after so long, whatever its threads are at."""


_METERED_EVERY_S = 0.5


class _Stopped(KeyboardInterrupt):
    """The process was told to stop."""


class _Printed(io.TextIOBase):
    """Keeps what somebody's code prints until it is told."""

    def __init__(self) -> None:
        self._parts: deque[str] = deque()

    def write(self, text: str, /) -> int:
        self._parts.append(text)
        return len(text)

    def take(self) -> str:
        """What has been printed since the last time."""
        return "".join(self._parts.popleft() for _ in range(len(self._parts)))


def main(pipe: Pipe) -> None:
    """Run a party's roles to their end, or until told to stop.

    Args:
        pipe: to the process that has started this one.
    """
    with suppress(OSError, EOFError):  # nobody listens
        assignment = pipe.hear()
        assert isinstance(assignment, Assignment)
        try:
            _PartyProcess(pipe, assignment).run()
        except Exception as error:  # noqa: BLE001 - told to whoever started this
            failed = RunFailed(assignment.party, "its start", one_line(error))
            failed.stacks = traceback.format_exc()
            pipe.tell(Ended(failure=Failure.of(failed)))


class _PartyProcess:
    def __init__(self, pipe: Pipe, assignment: Assignment) -> None:
        self._pipe, self._assignment = pipe, assignment
        self._lock = threading.Lock()
        self._told = threading.Event()
        """To begin, or to stop."""
        self._stopped = threading.Event()
        self._events: deque[Event] = deque()
        self._printed = _Printed()
        self._statuses: Sequence[RoleStatus] = ()
        self._stages: dict[str, Stage] = {}
        self._dialled = SimpleQueue[str]()
        """Where the label holder's process listens; nothing if this one is to stop."""
        self._decided = {role: SimpleQueue[bool]() for role in assignment.roles}
        self._plan = plan_from_bytes(assignment.plan)
        self._core = Core(assignment.core)
        self._open: OpenStreams | None = None
        """What its channels go over, instead of memory."""
        self._meter = Meter(assignment.roles)
        self._meter_at = 0.0

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        with redirect_stdout(self._printed), redirect_stderr(self._printed):
            try:
                ended = self._run()
            except _Stopped as stopped:
                left = getattr(stopped, "__notes__", ())
                ended = Ended() if left else self._with_states(Ended())
            except RunFailed as error:
                ended = Ended(failure=Failure.of(error))
                if isinstance(error, LostPeer) and not error.left_behind:
                    self._with_states(ended)  # another one may have heard of an interrupt before
        self._meter_at = 0.0
        self._flush()
        self._tell(ended)

    def _run(self) -> Ended:
        assignment = self._assignment
        keep_to(assignment.ahead_s)
        self._core.take()
        torch.set_num_threads(assignment.intra_op_threads)
        job = self._job()
        observer = Observer(
            self._events.append,
            self._poll,
            self._collect if assignment.collects else None,
            self._begin,
            self._look,
        )
        kind = "serial" if self._plan.shares_thread(assignment.party) else "threaded"
        outcome = find_runtime(kind)(job, observer)
        if self._open is not None:
            self._open.close()
        return self._with_states(Ended(roles=outcome.roles, channels=outcome.channels))

    def _begin(self) -> None:
        self._flush()  # what its start has used is no part of what the run uses
        self._tell(Ready())
        self._told.wait()
        if self._open is not None:
            self._events.extend(self._open.measured())
        self._poll()

    def _job(self) -> Job:
        given, files = self._assignment, iter(self._assignment.files)
        party = party_of(given, files)
        spec = party.spec
        job = job_of([party], self._plan, given.metrics)
        self._stages = {name: work.stage for name, work in job.roles.items()}
        for role in given.roles:
            self._stages[role].restore(read_state(next(files)), given.start.step)
        plan, channels = self._plan, {channel.name: channel for channel in self._plan.channels}
        ends = {
            name: RingEnd(it, RingLayout.of(plan, it), next(files), next(files))
            for name in (*given.sources, *given.targets)
            if (it := channels[name])
        }
        faults = planned_faults(spec, self._plan) if given.faults else ()
        emit = self._events.append
        senders: Mapping[str, SenderEnd] = {name: ends[name].sender(emit) for name in given.sources}
        receivers: Mapping[str, ReceiverEnd] = {
            name: ends[name].receiver() for name in given.targets
        }
        if given.streams is not None:
            self._open = given.streams.open(
                plan, given.start.step, self._tell_address, self._hear_address, emit
            )
            senders, receivers = self._open.senders, self._open.receivers
        return replace(
            job,
            intra_op_threads=given.intra_op_threads,
            start=given.start,
            deadline=Deadline(math.inf, given=True),  # who started this looks at all roles together
            hooks=job.hooks if given.hooks else (),
            faults=Faults(faults, given.fired, self._fire) if faults else None,
            senders=senders,
            receivers=receivers,
            digests=given.digests,
        )

    def _tell_address(self, address: str) -> None:
        self._tell(Listening(address))

    def _hear_address(self) -> str:
        if not (address := self._dialled.get()):
            raise _Stopped
        return address

    def _listen(self) -> None:
        """In a thread of its own: hear what is wanted."""
        with suppress(OSError, EOFError):
            while True:
                match self._pipe.hear():
                    case Dial(address=address):
                        self._dialled.put(address)
                    case Decided() as decided:
                        self._decided[decided.role].put(decided.wanted)
                    case Stop() as stop:
                        self._stop()
                        if stop.tell_stacks:
                            self._tell(Stacks(stacks()))
                    case _:
                        self._told.set()
        self._stop()
        threading.Timer(_LEAVES_S, os._exit, (1,)).start()

    def _stop(self) -> None:
        self._stopped.set()
        self._told.set()
        self._dialled.put("")
        for decided in self._decided.values():
            decided.put(False)

    def _tell(self, message: Message) -> None:
        with self._lock, suppress(OSError):
            self._pipe.tell(message)

    def _poll(self) -> None:
        self._flush()
        if self._stopped.is_set():
            raise _Stopped

    def _flush(self) -> None:
        take = self._events.popleft
        events = [take() for _ in range(len(self._events))]
        self._core.look()
        usage = None
        if (time := now()) >= self._meter_at:
            usage, self._meter_at = self._meter.read(), time + _METERED_EVERY_S
        told = cast("Sequence[AnyEvent]", events)
        self._tell(News(told, self._statuses, self._printed.take(), usage))

    def _look(self, statuses: Sequence[RoleStatus]) -> None:
        self._statuses = statuses

    def _collect(self, role: str, step: int, copy: Callable[[], State]) -> None:
        """In the role's thread: hand over a copy of its state, if it is wanted."""
        self._tell(Reached(role, step))
        if self._decided[role].get():
            file = write_state(copy())
            self._tell(Due(role, files=(file,)))
            os.close(file)

    def _fire(self, index: int, role: str, instruction: Instruction) -> None:
        self._tell(Fired(index, role, instruction))

    def _with_states(self, ended: Ended) -> Ended:
        """With what the roles have trained."""
        ended.states = tuple(self._stages)
        ended.files = [write_state(stage.state()) for stage in self._stages.values()]
        return ended
