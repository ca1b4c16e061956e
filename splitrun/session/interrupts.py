"""Ctrl-C in a run: the first one stops it in order, and tears nothing that is being written."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Interrupts:
    """What becomes of a Ctrl-C while a run is under way.

    One that comes while something is written down is kept until then, and a second one does not
    wait. Once the run has been stopped, further ones wait until that is written down.
    """

    def __init__(self) -> None:
        self._holders = 0
        self.kept = False
        """Whether there was one that has had no effect so far."""

    @contextmanager
    def listening(self) -> Iterator[None]:
        """From here on it is ours; in any thread but the main one there is none to listen to."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = signal.signal(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            signal.signal(signal.SIGINT, before)

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is begun in here is brought to its end."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    def let_through(self) -> None:
        """Give way to one that was kept, if nothing holds it any more.

        Raises:
            KeyboardInterrupt: there was one.
        """
        if self.kept and not self._holders:
            self._stop()

    def _interrupt(self, *_: object) -> None:
        if self._holders and not self.kept:
            self.kept = True
        else:
            self._stop()

    def _stop(self) -> None:
        self.kept = False
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt
