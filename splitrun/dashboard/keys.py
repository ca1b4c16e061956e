"""Keys of the terminal that a view is on, read between two frames: nobody waits for them.

The terminal gives them one by one and does not echo them; Ctrl-C and Ctrl-Z stay what they are.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

try:
    import termios
except ImportError:  # Windows has no such terminals
    termios = None  # type: ignore[assignment]

_KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"\x1b": "escape",
    b"k": "up",
    b"j": "down",
    b"q": "q",
    b"p": "p",
    b"?": "?",
}
_MOST_BYTES = 1024
_LOCAL, _CONTROL = 3, 6
"""Places of local modes and control characters among a terminal's attributes."""


class Keyboard:
    """The keys of a terminal, while this process is in its foreground.

    In the background it neither reads nor changes the terminal, for which it would be stopped.

    Args:
        descriptor: of the terminal.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._before: list[Any] | None = None
        """The terminal's attributes as they were found."""
        self._lost = False

    def pressed(self, wait_s: float = 0.0) -> Sequence[str]:
        """Names of the keys that were pressed since, those that mean something.

        Args:
            wait_s: how long to wait for one.
        """
        try:
            if self._lost or not self._is_ours():
                select.select([], [], [], wait_s)
                return ()
            self._take()
            if not select.select([self._descriptor], [], [], wait_s)[0]:
                return ()
            typed = os.read(self._descriptor, _MOST_BYTES)
        except (OSError, termios.error):  # the terminal is gone
            self._lost = True
            return ()
        self._lost = not typed
        return _named(typed)

    def release(self) -> None:
        """Leave the terminal as it was found."""
        before, self._before = self._before, None
        if before is not None:
            with suppress(OSError, termios.error):
                if self._is_ours():
                    termios.tcsetattr(self._descriptor, termios.TCSANOW, before)

    def _is_ours(self) -> bool:
        return os.tcgetpgrp(self._descriptor) == os.getpgrp()

    def _take(self) -> None:
        """Have keys come one by one, unless they do: whoever stops this process changes that."""
        found = termios.tcgetattr(self._descriptor)
        wanted = [*found[:_CONTROL], [*found[_CONTROL]]]
        wanted[_LOCAL] &= ~(termios.ICANON | termios.ECHO)
        wanted[_CONTROL][termios.VMIN], wanted[_CONTROL][termios.VTIME] = 0, 0
        if found != wanted:
            self._before = self._before or found
            termios.tcsetattr(self._descriptor, termios.TCSANOW, wanted)


def keyboard_of_stdin() -> Keyboard | None:
    """The keyboard of the terminal that stdin is; None where it is none."""
    with suppress(OSError, ValueError, AttributeError):  # closed, or put in another's place
        descriptor = sys.stdin.fileno()
        if termios is not None and os.isatty(descriptor):
            return Keyboard(descriptor)
    return None


def _named(typed: bytes) -> Sequence[str]:
    """The keys in what was typed; an arrow comes as several bytes at once."""
    names = []
    while typed:
        known = next((code for code in _KEYS if typed.startswith(code)), typed[:1])
        if known in _KEYS:
            names.append(_KEYS[known])
        typed = typed[len(known) :]
    return names
