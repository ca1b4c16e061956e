"""What carries messages between a party's process and the one that has started it.

On one machine that is a pipe, over which open files go as descriptors.
"""

from __future__ import annotations

from multiprocessing.connection import Connection
from typing import Protocol

from splitrun.processes.control import Message, Told, decode, encode
from splitrun.processes.open_files import receive_files, send_files


class Pipe(Protocol):
    """One end of it."""

    def tell(self, message: Message) -> None:
        """Say something. The files that go with it stay open here.

        Raises:
            OSError: nobody is at the other end any more.
        """
        ...

    def hear(self) -> Told:
        """What is said next; waits for it. The files that go with it are the caller's to close.

        Raises:
            EOFError, OSError: nobody is at the other end any more.
        """
        ...


class LocalPipe:
    """An end of a pipe between two processes of one machine."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def tell(self, message: Message) -> None:
        """See `Pipe`."""
        self._connection.send_bytes(encode(message))
        send_files(self._connection, message.files)

    def hear(self) -> Told:
        """See `Pipe`."""
        told = decode(self._connection.recv_bytes())
        told.files = receive_files(self._connection, len(told.files))
        return told

    def close(self) -> None:
        """Nothing more is said or heard at this end."""
        self._connection.close()
