"""Open files handed from process to process, over the pipe between them."""

from __future__ import annotations

import os
import socket
from collections.abc import Sequence
from multiprocessing.connection import Connection

_FILES_AT_ONCE = 200
"""The system takes no more than 253."""


def send_files(pipe: Connection, files: Sequence[int]) -> None:
    """Hand over open files, which stay open here.

    Raises:
        OSError: nobody is at the other end any more.
    """
    with _as_socket(pipe) as channel:
        for start in range(0, len(files), _FILES_AT_ONCE):
            socket.send_fds(channel, [b"\0"], files[start : start + _FILES_AT_ONCE])


def receive_files(pipe: Connection, count: int) -> tuple[int, ...]:
    """So many open files, which are the caller's to close.

    Raises:
        EOFError, OSError: nobody is at the other end any more.
    """
    files: list[int] = []
    with _as_socket(pipe) as channel:
        while len(files) < count:
            content, more, _, _ = socket.recv_fds(channel, 1, _FILES_AT_ONCE)
            if not content:
                raise EOFError
            files += more
    return tuple(files)


def _as_socket(pipe: Connection) -> socket.socket:
    """The same end, for what pipes have no words for."""
    return socket.socket(fileno=os.dup(pipe.fileno()))
