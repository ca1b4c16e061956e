"""A party's actor: the process in which Ray runs a party's roles.

It hears and tells by calls of Ray; what is said is the same as between processes of one machine,
and files that go with it travel as their content.
"""

from __future__ import annotations

import os
import platform
import threading
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple

from splitrun import __version__
from splitrun.processes.control import Message, News, Told, decode, encode
from splitrun.processes.core import own_cores
from splitrun.runtime.clock import now

CALLS = {"tell": 1, "hear": 1}
"""By group of calls, how many are at work at once; each in the order in which they are made."""
BEATS_S = 0.25
"""So often something is heard of an actor. A call of Ray takes a millisecond of two processors, so
that what can wait is told as often and no more."""

Letter = tuple[bytes, Sequence[bytes]]
"""A message, and the contents of the files that go with it."""


class About(NamedTuple):
    """Where an actor is, and with what."""

    machine: str
    """Two actors on one have the same clock, and cores to share."""
    cores: Sequence[int]
    """Their numbers."""
    versions: dict[str, str]
    """By package."""


def versions() -> dict[str, str]:
    """Of what must be the same everywhere, for the same bits and messages."""
    packages = {name: version(name) for name in ("torch", "numpy")}
    return {"splitrun": __version__, "Python": platform.python_version(), **packages}


def machine() -> str:
    """A machine whose clock has run without a break, and is the same for all its processes."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:  # no Linux
        return platform.node()


class PartyActor:
    """Runs a party's roles in a thread; it is to be made an actor of Ray."""

    def __init__(self) -> None:
        self._mailbox = Mailbox()

    def about(self) -> About:
        """Where this is, and with what."""
        return About(machine(), own_cores(), versions())

    def clock(self) -> float:
        """What it says here."""
        return now()

    def begin(self) -> None:
        """Wait for an assignment, and run it."""
        threading.Thread(target=self._run, daemon=True).start()

    def tell(self, letter: Letter) -> None:
        """What the process that has started this says."""
        self._mailbox.told.put(opened(letter))

    def hear(self) -> tuple[list[Letter], bool]:
        """What is said here, as soon as it cannot wait, or it is time to show that this lives; and
        whether that is all there will be."""
        return self._mailbox.take()

    def _run(self) -> None:
        from splitrun.processes.party_process import main

        try:
            main(self._mailbox)
        finally:
            self._mailbox.close()


class Mailbox:
    """The party's end; see `splitrun.processes.pipe.Pipe`.

    What is said is fetched, by calls of which each says that what the one before gave has come. So
    whoever has said something may end at once: it is known. News, of which there is more all the
    time, waits for nobody and wakes nobody.
    """

    def __init__(self) -> None:
        self.told = SimpleQueue[Told]()
        """What is to be heard here."""
        self._changed = threading.Condition()
        self._letters: list[Letter] = []
        self._said = self._given = self._known = 0
        """How many letters there have been until now."""
        self._is_urgent = False
        """Whether one of those that wait is more than news."""
        self._is_closed = False

    def tell(self, message: Message) -> None:
        """Say something; waits until it is known at the other end, unless it is news."""
        letter = letter_of(message)
        with self._changed:
            self._letters.append(letter)
            self._said += 1
            if isinstance(message, News):
                return
            self._is_urgent, number = True, self._said
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._known >= number or self._is_closed)

    def hear(self) -> Told:
        """What is said next; waits for it."""
        return self.told.get()

    def take(self) -> tuple[list[Letter], bool]:
        """What has been said and not been given yet, waiting a while for it; and whether nothing
        more will be."""
        with self._changed:
            self._known = self._given
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._is_urgent or self._is_closed, BEATS_S)
            letters, self._letters, self._is_urgent = self._letters, [], False
            self._given += len(letters)
            return letters, self._is_closed

    def close(self) -> None:
        """Nothing more is said."""
        with self._changed:
            self._is_closed = True
            self._changed.notify_all()


def letter_of(message: Message) -> Letter:
    """A message with the contents of its files, which stay open."""
    from splitrun.data.on_disk import path_of_open

    return encode(message), [path_of_open(file).read_bytes() for file in message.files]


def opened(letter: Letter) -> Told:
    """A message with files of these contents, which have no names."""
    from splitrun.data.on_disk import unnamed_file

    content, files = letter
    told, numbers = decode(content), []
    for each in files:
        numbers.append(unnamed_file(len(each)))
        with os.fdopen(os.dup(numbers[-1]), "wb") as file:
            file.write(each)
    told.files = tuple(numbers)
    return told
