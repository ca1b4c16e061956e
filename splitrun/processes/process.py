"""A party's process, for the one that has started it."""

from __future__ import annotations

from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from typing import Protocol

from splitrun.processes.pipe import LocalPipe, Pipe
from splitrun.processes.server import fate

_LEAVE_S = 6.0
"""Processes that are told to stop have so long to do so; a little longer than they give their
threads."""


class PartyProcess(Pipe, Protocol):
    """A process that runs a party's roles, wherever it is."""

    @property
    def number(self) -> int:
        """Tells it from other processes of the run."""
        ...

    @property
    def silent_s(self) -> float:
        """For how long nothing has been heard of it that should have been; 0 where its end cannot
        go unnoticed."""
        ...

    @property
    def fate(self) -> str:
        """How it ended without a word, or why it is taken to have ended."""
        ...

    def kill(self) -> None:
        """End it at once."""
        ...

    def end(self) -> None:
        """Let nothing of it stay."""
        ...


class LocalProcess(LocalPipe):
    """One on this machine.

    Args:
        connection: to it.
    """

    silent_s = 0.0
    """The system closes its end of the pipe with it."""

    def __init__(self, process: ForkServerProcess, connection: Connection) -> None:
        super().__init__(connection)
        self._process = process
        self.number = process.pid or 0

    @property
    def fate(self) -> str:
        """See `PartyProcess`."""
        return fate(self._process)

    def kill(self) -> None:
        """See `PartyProcess`."""
        self._process.kill()

    def end(self) -> None:
        """See `PartyProcess`."""
        self.close()
        self._process.join(_LEAVE_S)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()
        self._process.close()
