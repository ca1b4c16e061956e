"""What one of Ray's processes does of a study: it reads the parties' rows, once, and answers
requests.

Rows have to be those that the study was planned with, and packages those that it was started with.
Where a node's processor has other instructions, PyTorch may round otherwise, which is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from splitrun.cluster.actor import versions
from splitrun.cluster.connection import imported_ray
from splitrun.errors import RunFailed, UsageError
from splitrun.party import Parties
from splitrun.processes.control import Failure
from splitrun.runtime.clock import frozen
from splitrun.session.prepare import refuse_code
from splitrun.spec import Spec
from splitrun.study.executors.task import Answer, Request


@dataclass(frozen=True)
class Place:
    """A cluster, and what is allowed there."""

    address: str | None = None
    """See `splitrun.cluster.connection.connected`."""
    data_dir: Path | None = None
    """Where a published dataset is looked up first."""
    allow_code: bool = False
    """Import and run the classes that the spec names."""


@dataclass(frozen=True)
class Reading:
    """Which rows are read, and what they, and what reads them, have to be."""

    spec: Spec
    directory: Path
    place: Place
    digests: Mapping[str, str]
    """Of all that is trained on, by what they are of, in words."""
    versions: Mapping[str, str]
    """By package."""
    instructions: str
    """Of the processor, as far as PyTorch makes use of them."""

    @classmethod
    def of(cls, parties: Parties, place: Place) -> Reading:
        """Rows like these, read by what has read them here."""
        directory, digests = parties.first.directory.absolute(), parties.digests
        return cls(parties.spec, directory, place, digests, versions(), _instructions())

    def read(self) -> Parties:
        """The parties, with these rows.

        Raises:
            UsageError: there are none here, or others, or other packages.
        """
        theirs = versions()
        if other := [f"{name} {it}" for name, it in self.versions.items() if theirs[name] != it]:
            raise UsageError(f"it lacks {', '.join(other)}; install what started the study has")
        if not self.place.allow_code:
            refuse_code(self.spec, self.directory)
        parties = Parties.load(self.spec, self.directory, data_dir=self.place.data_dir)
        other = [what for what, digest in parties.digests.items() if self.digests[what] != digest]
        if other:
            message = f"{' and '.join(other)} are not those that the study was planned with"
            raise UsageError(f"{message}; give it the same files, at the same path")
        return parties


_rows: tuple[Reading, Parties] | None = None
"""Those that this process has read last."""


def answer(reading: Reading, request: Request) -> Answer:
    """Do what is asked, with rows that are read where there are none yet."""
    global _rows
    try:
        if _rows is None or _rows[0] != reading:
            _rows = reading, reading.read()
    except UsageError as error:
        failed = RunFailed(request.name, f"its start on node {_node()}", str(error))
        return Answer(None, Failure.of(failed), "")
    with frozen():
        found = request.answer(_rows[1])
    mine = _instructions()
    if mine == reading.instructions:
        return found
    what = f"{_node()} computes with {mine}, not {reading.instructions} as this machine"
    return replace(found, remark=f"node {what}: last bits may differ")


def _instructions() -> str:
    return torch.backends.cpu.get_cpu_capability()


def _node() -> str:
    address: str = imported_ray().util.get_node_ip_address()
    return address
