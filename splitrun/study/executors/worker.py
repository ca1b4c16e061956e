"""A process that runs tasks: it maps the parties' rows, then does what it is asked to, one task
after the other.

It ends as soon as nobody is at the other end of its pipe, whatever it is at.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import Self

from torch import Tensor

from splitrun.data import Data
from splitrun.data.encoded_files import map_data, open_data
from splitrun.data.on_disk import map_tensors, path_of_open, unnamed_file, write_tensors
from splitrun.party import Parties, Party
from splitrun.processes.open_files import receive_files, send_files
from splitrun.runtime.clock import frozen
from splitrun.spec import Spec
from splitrun.study.executors.task import Request


@dataclass(frozen=True)
class _Given:
    """What goes to a worker first; with it go a file of row numbers, and each party's rows."""

    spec: Spec
    directory: Path
    names: Sequence[str]
    """Of the parties, in the order of their files."""


class SharedParties:
    """Parties whose rows workers map: one copy of them for all. A context manager.

    Raises:
        DataError: there is no room for the rows.
    """

    def __init__(self, parties: Parties) -> None:
        names = tuple(parties.by_name)
        self._given = _Given(parties.spec, parties.first.directory, names)
        parts = {f"{it.name}.{part}": ids for it in parties for part, ids in _parts(it.data)}
        self._files = [unnamed_file(sum(ids.nbytes for ids in parts.values()))]
        with os.fdopen(os.dup(self._files[0]), "wb") as file:
            write_tensors(file, parts, {})
        self._files += [open_data(party.data) for party in parties]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Close the files here; who has been given them keeps them."""
        for file in self._files:
            os.close(file)

    def give(self, pipe: Connection) -> None:
        """Hand them over to a worker.

        Raises:
            OSError: it is gone.
        """
        pipe.send(self._given)
        # Opened anew, or all would share one place to read at.
        files = [os.open(path_of_open(file), os.O_RDONLY | os.O_CLOEXEC) for file in self._files]
        try:
            send_files(pipe, files)
        finally:
            for file in files:
                os.close(file)


def main(pipe: Connection) -> None:
    """Do what is asked, for as long as somebody asks.

    Args:
        pipe: to the process that has started this one.
    """
    with suppress(OSError, EOFError):  # nobody asks any more
        given = pipe.recv()
        parties = _parties(given, receive_files(pipe, 1 + len(given.names)))
        requests = SimpleQueue[Request]()
        threading.Thread(target=_listen, args=(pipe, requests.put), daemon=True).start()
        with frozen():
            while True:
                pipe.send(requests.get().answer(parties))


def _parties(given: _Given, files: Sequence[int]) -> Parties:
    with os.fdopen(files[0], "rb") as file:
        parts = map_tensors(file).tensors

    def party(name: str, file: int) -> Party:
        data = map_data(file)
        train, validation, test = (parts[f"{name}.{part}"] for part, _ in _parts(data))
        data = replace(data, train_ids=train, validation_ids=validation, test_ids=test)
        return Party(given.spec, name, given.directory, data)

    each = zip(given.names, files[1:], strict=True)
    return Parties(given.spec, {name: party(name, file) for name, file in each})


def _parts(data: Data) -> Iterable[tuple[str, Tensor]]:
    """What is another part of the same rows from one study to the next."""
    parts = (data.train_ids, data.validation_ids, data.test_ids)
    return zip(("train", "validation", "test"), parts, strict=True)


def _listen(pipe: Connection, put: Callable[[Request], None]) -> None:
    """In a thread of its own: hear what is asked."""
    with suppress(OSError, EOFError):
        while True:
            put(pipe.recv())
    os._exit(0)
