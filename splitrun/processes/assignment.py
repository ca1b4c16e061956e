"""What the process of each party is given to run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack

from splitrun.errors import UsageError
from splitrun.party import Party
from splitrun.plan import plan_to_bytes
from splitrun.processes.control import Assignment
from splitrun.processes.files import write_state
from splitrun.processes.ring import RingEnd
from splitrun.processes.streams import Streams
from splitrun.runtime import Job, Observer
from splitrun.spec import has_checksums, resolved_yaml

_IDS = ("train_ids", "validation_ids", "test_ids")
"""What of a party's data is another part of the same rows from one run to the next."""


class Assigner:
    """Makes the assignments of a job.

    Raises:
        UsageError: the job has what cannot be handed to another process.
    """

    def __init__(self, job: Job, observer: Observer) -> None:
        self._job, self._collects = job, observer.collect is not None
        self._hooks = _has_hooks(job)
        self.party_of = {role.name: role.party for role in job.plan.roles}

    def roles_of(self, party: Party) -> list[str]:
        """The names of a party's roles."""
        return [role for role, of in self.party_of.items() if of == party.name]

    def assignment(
        self,
        party: Party,
        given: ExitStack,
        rows: Sequence[int] = (),
        ends: Sequence[RingEnd] = (),
        *,
        streams: Streams | None = None,
    ) -> Assignment:
        """What a party's process is to run.

        Args:
            given: closes the files that go with it.
            rows: the open file with the party's, unless it reads them itself.
            ends: its own, of channels in shared memory.
            streams: that its channels go over instead.
        """
        job, roles = self._job, self.roles_of(party)
        states = [write_state(job.roles[role].stage.state()) for role in roles]
        for file in states:
            given.callback(os.close, file)
        sends = [end for end in ends if end.channel.source in roles]
        receives = [end for end in ends if end.channel.source not in roles]
        return Assignment(
            party.name,
            resolved_yaml(party.spec),
            str(party.directory),
            {name: getattr(party.data, name).numpy().tobytes() for name in _IDS},
            roles,
            [end.channel.name for end in sends],
            [end.channel.name for end in receives],
            plan_to_bytes(job.plan),
            job.metrics,
            job.start,
            job.intra_op_threads,
            hooks=self._hooks,
            digests=job.digests,
            collects=self._collects,
            faults=job.faults is not None,
            fired=job.faults.fired if job.faults else (),
            streams=streams,
            files=[*rows, *states, *(file for end in (*sends, *receives) for file in end.files)],
        )


def _has_hooks(job: Job) -> bool:
    """Whether the spec's hooks act; they are made anew in each process.

    Raises:
        UsageError: others are to act.
    """
    spec = job.parties[0].spec
    if len(job.hooks) not in (0, has_checksums(spec) + len(spec.hooks)):
        raise UsageError(
            f"runtime.type: {spec.runtime.type}: hooks that are objects of this process cannot act "
            "in others; name them in the spec, or use another runtime"
        )
    return bool(job.hooks)
