"""The ray runtime: every party's roles run in an actor of a Ray cluster.

Ray starts the actors, where they have what they ask for, and ends them. What is trained on is read
where an actor is; what parties send each other goes over gRPC with mutual TLS from actor to actor.
Here is only who looks on, as for processes of one machine.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from splitrun.cluster.actor import CALLS, About, PartyActor, machine, versions
from splitrun.cluster.actor_process import ActorProcess
from splitrun.cluster.connection import connected
from splitrun.cluster.placement import Place, amounts, asked, places
from splitrun.errors import Lost, NoCluster, one_line
from splitrun.party import Party
from splitrun.plan import Deadline
from splitrun.processes.assignment import Assigner
from splitrun.processes.core import shared_out
from splitrun.processes.group import Group
from splitrun.processes.rows import reading_of
from splitrun.processes.started_party import StartedParty
from splitrun.processes.streams import streams_of
from splitrun.runtime import Job, Observer, Outcome
from splitrun.runtime.clock import now

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
        at = stack.enter_context(places(ray, job.parties, patience_s))
        actors = {party.name: _actor(ray, at[party.name], party) for party in job.parties}
        processes = {}
        for number, (name, actor) in enumerate(actors.items()):
            processes[name] = ActorProcess(ray, actor, at[name].node, number)
            stack.callback(processes[name].end)
        abouts = {}
        for name, process in processes.items():
            with _named(ray, name, process):
                abouts[name] = _introduced(name, process, actors[name])
        cores = _cores(job, abouts)
        streams = streams_of(job.plan, list(actors), at[job.plan.top.party].node.host)
        moved, started = threading.Event(), []
        for party in job.parties:
            actor, process = actors[party.name], processes[party.name]
            with ExitStack() as given, _named(ray, party.name, process):
                assignment = assigner.assignment(party, given, streams=streams[party.name])
                assignment.reading = reading_of(party)
                assignment.core = cores.get(party.name)
                assignment.ahead_s = _ahead_s(process, actor, abouts[party.name])
                process.answer(actor.begin.remote())
                process.tell(assignment)
            started.append(StartedParty(party.name, assigner.roles_of(party), process, moved))
        return Group(job, observer, started, moved).run()


def _cores(job: Job, abouts: Mapping[str, About]) -> Mapping[str, int]:
    """Which core each actor keeps to: those on one machine share what it has."""
    found: dict[str, int] = {}
    for about in abouts.values():
        there = [it for it in job.parties if abouts[it.name].machine == about.machine]
        found |= shared_out(job, there, about.cores)
    return found


@contextmanager
def _named(ray: Any, party: str, process: ActorProcess) -> Iterator[None]:
    """In here, that an actor cannot be asked is told as an error of its party.

    Raises:
        Lost: it has ended.
        NoCluster: it cannot be started.
    """
    try:
        yield
    except EOFError:
        raise Lost(party, "its start", process.fate) from None
    except ray.exceptions.RayError as error:
        if isinstance(error, ray.exceptions.RayActorError) and not error.actor_init_failed:
            raise Lost(party, "its start", process.why(error)) from error
        what = f"{party}: its actor does not start: {one_line(error)}"
        raise NoCluster(f"{what}; install on every node what is installed here") from error


def _actor(ray: Any, place: Place, party: Party) -> Any:
    """A party's actor, which Ray is starting."""
    wanted = dict(amounts(party))
    made = ray.remote(concurrency_groups=CALLS, max_restarts=0, max_task_retries=0)(PartyActor)
    return made.options(
        num_cpus=wanted.pop("CPU"),
        num_gpus=wanted.pop("GPU", 0.0),
        resources=wanted,
        scheduling_strategy=place.strategy,
    ).remote()


def _introduced(party: str, process: ActorProcess, actor: Any) -> About:
    """Where an actor is, once it runs.

    Raises:
        NoCluster: its node has other versions than this process.
    """
    about, ours = About(*process.answer(actor.about.remote())), versions()
    if other := [
        f"{name} {about.versions.get(name)} there and {version} here"
        for name, version in ours.items()
        if about.versions.get(name) != version
    ]:
        what = f"{party}: node {process.node.host} has {', '.join(other)}"
        raise NoCluster(f"{what}; install the same on both")
    return about


def _ahead_s(process: ActorProcess, actor: Any, about: About) -> float:
    """How far this process's clock is ahead of the one that an actor goes by, by its fastest
    answer; on one machine they are one."""
    if about.machine == machine():
        return 0.0
    best_s, ahead_s = float("inf"), 0.0
    for _ in range(_CLOCK_CALLS):
        asked_at = now()
        time = process.answer(actor.clock.remote())
        took_s = now() - asked_at
        if took_s < best_s:
            best_s, ahead_s = took_s, asked_at + took_s / 2 - time
    return ahead_s
