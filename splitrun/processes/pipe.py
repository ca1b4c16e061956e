"""What carries messages between a party's process and the one that has started it.

On one machine that is a pipe, over which open files go as descriptors.
"""

from __future__ import annotations

import os
import socket
from multiprocessing.connection import Connection
from typing import Protocol

from splitrun.processes.control import Message, Told, decode, encode

_FILES_AT_ONCE = 200
"""The system takes no more than 253."""


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
        files = message.files
        with self._as_socket() as channel:
            for start in range(0, len(files), _FILES_AT_ONCE):
                socket.send_fds(channel, [b"\0"], files[start : start + _FILES_AT_ONCE])

    def hear(self) -> Told:
        """See `Pipe`."""
        told = decode(self._connection.recv_bytes())
        files: list[int] = []
        with self._as_socket() as channel:
            while len(files) < len(told.files):
                content, more, _, _ = socket.recv_fds(channel, 1, _FILES_AT_ONCE)
                if not content:
                    raise EOFError
                files += more
        told.files = tuple(files)
        return told

    def close(self) -> None:
        """Nothing more is said or heard at this end."""
        self._connection.close()

    def _as_socket(self) -> socket.socket:
        """The same end, for what pipes have no words for."""
        return socket.socket(fileno=os.dup(self._connection.fileno()))
