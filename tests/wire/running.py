"""Parties of one process that have nothing but links in common."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from queue import SimpleQueue
from typing import Any

from splitrun.events import Event
from splitrun.runtime import Job, Observer, Outcome, find_runtime
from splitrun.session import Experiment
from splitrun.session.job import job_of
from splitrun.wire.link import Connection, Link
from splitrun.wire.stream import Dialer, Listener
from tests.runtime.running import Content, prepared, trained

Wires = Callable[[str, Mapping[str, Link], Mapping[str, Link]], AbstractContextManager[object]]
"""(the label holder, its links by party, each party's link to it) -> in it, they are connected."""


class Memory:
    """A connection in memory; in it, links are connected, until `cut`."""

    def __init__(self, one: Link, other: Link) -> None:
        self._links = one, other
        self._connect()

    def _connect(self) -> None:
        queues = SimpleQueue[bytes | None](), SimpleQueue[bytes | None]()
        connections = [
            link.attach(queue.put) for link, queue in zip(self._links, queues, strict=True)
        ]
        self._queues = queues
        for queue, connection in zip(queues, reversed(connections), strict=True):
            threading.Thread(target=self._carry, args=(queue, connection), daemon=True).start()

    @staticmethod
    def _carry(queue: SimpleQueue[bytes | None], connection: Connection) -> None:
        while (message := queue.get()) is not None:
            connection.read(message)
        connection.lost("it was cut")

    def offend(self) -> None:
        """Each side is told what no peer may say."""
        for queue in self._queues:
            queue.put(b"\xff")

    def cut(self) -> None:
        """What is under way is lost; another connection takes its place."""
        for queue in self._queues:
            while not queue.empty():
                queue.get_nowait()
            queue.put(None)
        self._connect()


@contextmanager
def in_memory(_: str, links: Mapping[str, Link], back: Mapping[str, Link]) -> Iterator[object]:
    """Links are connected in memory."""
    yield [Memory(link, back[name]) for name, link in links.items()]


@contextmanager
def over_grpc(holder: str, links: Mapping[str, Link], back: Mapping[str, Link]) -> Iterator[object]:
    """Links are connected by gRPC over loopback, without TLS."""
    listener = Listener("127.0.0.1:0", links, None)
    address = f"127.0.0.1:{listener.port}"
    dialers = [Dialer(address, name, link, None) for name, link in back.items()]
    yield listener
    for dialer in dialers:
        dialer.close()
    listener.close()


@dataclass
class Apart:
    """What came of parties that ran apart."""

    digests: dict[str, str] = field(default_factory=dict)
    errors: dict[str, BaseException] = field(default_factory=dict)
    """By party."""
    refusals: list[str] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)


def run_apart(
    experiment: Experiment,
    wires: Wires,
    meanwhile: Callable[[object], None] = lambda _: None,
    kind: str = "threaded",
) -> Apart:
    """Run each party's job in threads of its own; their channels are links alone."""
    plan, found = experiment.plan, Apart()
    holder = plan.top.party
    links = {
        name: Link(name, lambda *_: None) for name in experiment.parties.by_name if name != holder
    }
    back = {name: Link(holder, lambda *_: None) for name in links}
    jobs: dict[str, Job] = {}
    for party in experiment.parties:
        job = job_of([party], plan)
        own = links.values() if party.name == holder else [back[party.name]]
        for link in own:
            senders, receivers = link.open(plan, 1, 0, party.name, found.events.append)
            job = replace(
                job,
                senders={**job.senders, **senders},
                receivers={**job.receivers, **receivers},
            )
        jobs[party.name] = job

    def run(name: str) -> None:
        try:
            outcome: Outcome = find_runtime(kind)(jobs[name], Observer(found.events.append))
            found.digests.update(outcome.digests)
        except BaseException as error:  # noqa: BLE001 - told to the test
            found.errors[name] = error

    threads = [threading.Thread(target=run, args=(name,)) for name in jobs]
    with wires(holder, links, back) as wired:
        for thread in threads:
            thread.start()
        meanwhile(wired)
        for thread in threads:
            thread.join()
    found.refusals = [it.refusal for it in (*links.values(), *back.values()) if it.refusal]
    return found


def hold_the_law_over_cut_links(content: Content, seed: int) -> None:
    """Parties apart whose connections are cut now and then end as one process does."""
    serial = trained(prepared(content), "serial")
    apart = run_apart(prepared(content), in_memory, Cuts(seed, 5))
    assert not apart.errors, apart.refusals
    assert apart.digests == dict(serial.outcome.digests)


class Cuts:
    """Cuts connections, so many times, at random moments."""

    def __init__(self, seed: int, times: int) -> None:
        self._luck = random.Random(seed)
        self._times = times

    def __call__(self, wires: Any) -> None:
        for _ in range(self._times):
            time.sleep(self._luck.uniform(0, 0.02))
            self._luck.choice(wires).cut()
