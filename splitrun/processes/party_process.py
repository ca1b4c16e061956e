"""The process of one party: it makes the party's roles again from what it is given, runs them in
threads, and tells the process that has started it what happens.

It ends when it is told to, and by itself when nobody listens any more.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import threading
import traceback
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import count
from multiprocessing.connection import Connection
from pathlib import Path
from typing import cast

import torch

from splitrun.data.encoded_files import read_data
from splitrun.data.on_disk import read_tensors
from splitrun.errors import RunFailed, one_line
from splitrun.events import AnyEvent, Event
from splitrun.model import Stage, State
from splitrun.party import Party
from splitrun.plan import Deadline, Instruction, plan_from_bytes, planned_faults
from splitrun.processes.control import (
    Assignment,
    Due,
    Ended,
    Failure,
    Fired,
    Message,
    News,
    Ready,
    Stacks,
    Stop,
    hear,
    tell,
)
from splitrun.processes.ends import Close, PartyEnds
from splitrun.processes.states import read_state, write_state
from splitrun.runtime import Faults, Job, Observer, RoleStatus, StartPoint, find_runtime, stacks
from splitrun.runtime.clock import now
from splitrun.session.job import job_of
from splitrun.spec import loads
from splitrun.usage import Meter

_LEAVES_S = 10.0
"""When nobody listens any more, a process is gone after so long, whatever its threads are at."""


_METERED_EVERY_S = 0.5


class _Stopped(KeyboardInterrupt):
    """The process was told to stop."""


def main(pipe: Connection, ends: PartyEnds) -> None:
    """Run a party's roles to their end, or until told to stop.

    Args:
        pipe: to the process that has started this one.
        ends: of the channels to other parties.
    """
    for number in (signal.SIGINT, signal.SIGHUP):  # of a terminal: whoever started this one decides
        signal.signal(number, signal.SIG_IGN)
    with suppress(OSError, EOFError):  # nobody listens
        assignment = hear(pipe)
        assert isinstance(assignment, Assignment)
        try:
            _PartyProcess(pipe, assignment, ends).run()
        except Exception as error:  # noqa: BLE001 - told to whoever started this
            failed = RunFailed(assignment.party, "its start", one_line(error))
            failed.stacks = traceback.format_exc()
            tell(pipe, Ended({}, failure=Failure.of(failed)))


class _PartyProcess:
    def __init__(self, pipe: Connection, assignment: Assignment, ends: PartyEnds) -> None:
        self._pipe, self._assignment, self._ends = pipe, assignment, ends
        self._close: Close = lambda: None
        self._lock = threading.Lock()
        self._told = threading.Event()
        """To begin, or to stop."""
        self._stopped = threading.Event()
        self._events: deque[Event] = deque()
        self._statuses: Sequence[RoleStatus] = ()
        self._stages: dict[str, Stage] = {}
        self._numbers = count()
        self._plan = plan_from_bytes(assignment.plan)
        self._meter = Meter([role.name for role in self._plan.roles])
        self._meter_at = 0.0

    def run(self) -> None:
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            ended = self._run()
        except _Stopped as stopped:
            left = getattr(stopped, "__notes__", ())
            ended = Ended({} if left else self._states())
        except RunFailed as error:
            ended = Ended({}, failure=Failure.of(error))
        self._meter_at = 0.0
        self._flush()
        self._tell(ended)
        sys.stdout.flush()
        sys.stderr.flush()

    def _run(self) -> Ended:
        assignment = self._assignment
        if assignment.cores:
            os.sched_setaffinity(0, assignment.cores)
        torch.set_num_threads(assignment.intra_op_threads)
        job = self._job()
        observer = Observer(
            self._events.append,
            self._poll,
            self._collect if assignment.collects else None,
            self._begin,
            self._look,
        )
        outcome = find_runtime(_runtime_of(job))(job, observer)
        self._close()
        return Ended(self._states(), outcome.roles, outcome.channels)

    def _begin(self) -> None:
        self._tell(Ready())
        self._told.wait()
        self._poll()

    def _job(self) -> Job:
        given = self._assignment
        ids = read_tensors(Path(given.rows)).tensors
        data = replace(
            read_data(Path(given.data)),
            train_ids=ids["train_ids"],
            validation_ids=ids["validation_ids"],
            test_ids=ids["test_ids"],
        )
        spec = loads(given.spec, "resolved.yaml").spec
        party = Party(spec, given.party, Path(given.directory), data)
        job = job_of([party], self._plan, given.metrics)
        self._stages = {name: work.stage for name, work in job.roles.items()}
        for role, path in given.states.items():
            self._stages[role].restore(read_state(Path(path)), given.step)
        faults = planned_faults(spec, self._plan) if given.faults else ()
        emit = self._events.append
        senders, receivers, self._close = self._ends.open(self._plan, given.step, emit)
        return replace(
            job,
            intra_op_threads=given.intra_op_threads,
            start=StartPoint(given.step, given.epoch_loss),
            deadline=Deadline(math.inf, given=True),  # who started this looks at all roles together
            hooks=job.hooks if given.hooks else (),
            faults=Faults(faults, given.fired, self._fire) if faults else None,
            senders=senders,
            receivers=receivers,
            digests=given.digests,
        )

    def _listen(self) -> None:
        """In a thread of its own: hear what is wanted."""
        with suppress(OSError, EOFError):
            while True:
                message = hear(self._pipe)
                if isinstance(message, Stop):
                    self._stopped.set()
                    if message.tell_stacks:
                        self._tell(Stacks(stacks()))
                self._told.set()
        self._stopped.set()
        self._told.set()
        threading.Timer(_LEAVES_S, os._exit, (1,)).start()

    def _tell(self, message: Message) -> None:
        with self._lock, suppress(OSError):
            tell(self._pipe, message)

    def _poll(self) -> None:
        self._flush()
        if self._stopped.is_set():
            raise _Stopped

    def _flush(self) -> None:
        take = self._events.popleft
        events = [take() for _ in range(len(self._events))]
        usage = None
        if (time := now()) >= self._meter_at:
            usage, self._meter_at = self._meter.read(), time + _METERED_EVERY_S
        self._tell(News(cast("Sequence[AnyEvent]", events), self._statuses, usage))

    def _look(self, statuses: Sequence[RoleStatus]) -> None:
        self._statuses = statuses

    def _collect(self, role: str, step: int, copy: Callable[[], State]) -> None:
        path = write_state(self._new_file(), copy())
        self._tell(Due(role, step, path))

    def _fire(self, index: int, role: str, instruction: Instruction) -> None:
        self._tell(Fired(index, role, instruction))

    def _states(self) -> dict[str, str]:
        return {
            role: write_state(self._new_file(), stage.state())
            for role, stage in self._stages.items()
        }

    def _new_file(self) -> Path:
        name = f"{os.getpid()}-{next(self._numbers)}.safetensors"
        return Path(self._assignment.scratch) / name


def _runtime_of(job: Job) -> str:
    """How the roles of one party run: in one thread, for two would take turns at Python's lock, and
    by its changing hands alone they lose more than they win. But where links or hardware are
    emulated, a role waits for what is not here, and another one can work meanwhile."""
    waits = any(channel.timing for channel in job.plan.channels if channel.name in job.receivers)
    return "threaded" if waits or any(role.compute for role in job.plan.roles) else "serial"
