"""The ray runtime: every party's roles run in an actor of a Ray cluster.

Ray starts the actors, where they have what they ask for, and ends them. What is trained on is read
where an actor is; what parties send each other goes over gRPC with mutual TLS from actor to actor.
Here is only who looks on, as for processes of one machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from splitrun.cluster.actor import CALLS, About, PartyActor, machine, versions
from splitrun.cluster.actor_process import ActorProcess
from splitrun.cluster.connection import connected
from splitrun.cluster.placement import amounts, asked, node, places
from splitrun.errors import Lost, NoCluster, one_line
from splitrun.party import Party
from splitrun.plan import Deadline
from splitrun.processes.assignment import Assigner
from splitrun.processes.group import Group
from splitrun.processes.rows import reading_of
from splitrun.processes.started_party import StartedParty
from splitrun.processes.streams import streams_of
from splitrun.runtime import Job, Observer, Outcome
from splitrun.runtime.clock import now

_STARTS_S = 120.0
"""An actor has so long to import what it needs."""
_CLOCK_CALLS = 8


def run(job: Job, observer: Observer) -> Outcome:
    """Run every party's roles in an actor of its own; see `splitrun.runtime.Runtime`.

    Raises:
        MissingExtra: Ray is not installed.
        NoCluster: there is no cluster, or it has not what the parties ask for.
        UsageError: the job has what cannot be handed to another process.
    """
    assigner = Assigner(job, observer)
    cpus = sum(asked(party).num_cpus for party in job.parties)
    patience_s = (job.deadline or Deadline.of(job.plan)).base_s
    with ExitStack() as stack:
        ray = stack.enter_context(connected(job.parties[0].spec.runtime.address, cpus))
        group = stack.enter_context(places(ray, job.parties, patience_s))
        moved = threading.Event()
        parties = _start(ray, group, job, assigner, moved, stack)
        return Group(job, observer, parties, moved).run()


def _start(
    ray: Any,
    group: Any,
    job: Job,
    assigner: Assigner,
    moved: threading.Event,
    stack: ExitStack,
) -> Sequence[StartedParty]:
    """Start the parties' actors, which end with the stack.

    Args:
        group: where they are placed.
    """
    actors = {
        party.name: _actor(ray, group, party, number) for number, party in enumerate(job.parties)
    }
    for actor in actors.values():
        stack.callback(ray.kill, actor)
    processes = {}
    for number, (name, actor) in enumerate(actors.items()):
        with _named(ray, name):
            where = node(ray, _introduced(ray, name, actor).node)
        processes[name] = ActorProcess(ray, actor, where, number)
    streams = streams_of(job.plan, list(actors), processes[job.plan.top.party].node.host)
    started = []
    for party in job.parties:
        actor, process = actors[party.name], processes[party.name]
        started.append(StartedParty(party.name, assigner.roles_of(party), process, moved))
        with ExitStack() as given, _named(ray, party.name):
            assignment = assigner.assignment(party, given, streams=streams[party.name])
            assignment.reading = reading_of(party)
            assignment.ahead_s = _ahead_s(ray, actor)
            ray.get(actor.begin.remote())
            process.tell(assignment)
    return started


@contextmanager
def _named(ray: Any, party: str) -> Iterator[None]:
    """In here, what Ray says of an actor that cannot be asked is told as an error of a party.

    Raises:
        Lost: it has ended.
        NoCluster: it cannot be started.
    """
    try:
        yield
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayActorError) and not error.actor_init_failed:
            raise Lost(party, "its start", "its actor was killed, or crashed") from error
        what = f"{party}: its actor does not start: {one_line(error)}"
        raise NoCluster(f"{what}; install on every node what is installed here") from error


def _actor(ray: Any, group: Any, party: Party, number: int) -> Any:
    """A party's actor, which Ray is starting."""
    wanted = dict(amounts(party))
    strategy = ray.util.scheduling_strategies.PlacementGroupSchedulingStrategy(group, number)
    made = ray.remote(concurrency_groups=CALLS, max_restarts=0, max_task_retries=0)(PartyActor)
    return made.options(
        num_cpus=wanted.pop("CPU"),
        num_gpus=wanted.pop("GPU", 0.0),
        resources=wanted,
        scheduling_strategy=strategy,
    ).remote()


def _introduced(ray: Any, party: str, actor: Any) -> About:
    """Where a party's actor is, once it runs.

    Raises:
        NoCluster: its node has other versions than this process.
    """
    about = About(*ray.get(actor.about.remote(), timeout=_STARTS_S))
    ours = versions()
    other = [
        f"{name} {theirs} there and {ours.get(name)} here"
        for name, theirs in about.versions.items()
        if theirs != ours.get(name)
    ]
    if other:
        host = node(ray, about.node).host
        raise NoCluster(f"{party}: node {host} has {', '.join(other)}; install the same on both")
    return about


def _ahead_s(ray: Any, actor: Any) -> float:
    """How far this process's clock is ahead of the one that an actor goes by, by its fastest
    answer; on one machine they are one."""
    best_s, ahead_s = float("inf"), 0.0
    for _ in range(_CLOCK_CALLS):
        asked_at = now()
        where, time = ray.get(actor.clock.remote())
        took_s = now() - asked_at
        if where == machine():
            return 0.0
        if took_s < best_s:
            best_s, ahead_s = took_s, asked_at + took_s / 2 - time
    return ahead_s
