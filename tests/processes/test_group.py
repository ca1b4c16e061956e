"""Parties in other processes: who is silent is named; where the label holder listens is told."""

from __future__ import annotations

import threading
from dataclasses import replace
from queue import SimpleQueue

import pytest

from splitrun.errors import Lost
from splitrun.plan import Deadline
from splitrun.processes.control import Dial, Go, Listening, Message, Ready, Stop, Told
from splitrun.processes.group import Group
from splitrun.processes.started_party import StartedParty
from splitrun.runtime import Observer
from splitrun.session.job import job_of
from tests.runtime.running import prepared, synthetic


class FakeProcess:
    """One that says a few things, is ready when it knows where to dial, and says nothing more until
    it is killed."""

    fate = "its node 10.0.0.2 is gone"

    def __init__(self, *said: Told) -> None:
        self.number, self.silent_s = id(self), 0.0
        self.told: list[Message] = []
        self._said = SimpleQueue[Told | None]()
        for each in said:
            self._said.put(each)

    def tell(self, message: Message) -> None:
        self.told.append(message)
        if isinstance(message, Dial):
            self._said.put(Ready())

    def hear(self) -> Told:
        if (said := self._said.get()) is None:
            raise EOFError
        return said

    def kill(self) -> None:
        self._said.put(None)

    def end(self) -> None:
        self.kill()


def run_until_silent(deadline: Deadline, silent_s: float) -> dict[str, list[Message]]:
    """Run two parties, of which the second falls silent when the roles start; what was told to
    each, when that has been named."""
    experiment = prepared(synthetic())
    job = replace(job_of(experiment.parties, experiment.plan), deadline=deadline)
    processes = {"p0": FakeProcess(Listening("10.0.0.1:7")), "p1": FakeProcess()}
    moved = threading.Event()
    parties = [
        StartedParty(name, [it.name for it in job.plan.roles if it.party == name], process, moved)
        for name, process in processes.items()
    ]

    def fall_silent() -> None:
        processes["p1"].silent_s = silent_s

    group = Group(job, Observer(begin=fall_silent), parties, moved)
    with pytest.raises(Lost, match=r"p1.bottom .*: its node 10\.0\.0\.2 is gone"):
        group.run()
    return {name: process.told for name, process in processes.items()}


def test_who_is_silent_for_the_deadline_is_lost_and_is_not_waited_for() -> None:
    told = run_until_silent(Deadline(10.0, given=True), silent_s=10.1)
    for messages in told.values():
        assert messages == [Dial("10.0.0.1:7"), Go(), Stop()]
