"""Ctrl-C, SIGTERM and SIGHUP: the first one stops what is at work in order, and tears nothing that
is being written.

A signal that was ignored when the process began, as SIGHUP is under `nohup`, stays ignored.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

SIGNALS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)
"""Those that ask for an end; Windows knows fewer."""


class Stopped(KeyboardInterrupt):
    """A signal stopped what was at work.

    Args:
        number: the signal's.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def stopped_by(error: BaseException) -> int:
    """The number of the signal behind an interrupt; one that nobody named was a Ctrl-C."""
    return error.number if isinstance(error, Stopped) else signal.SIGINT


def interrupted(number: int) -> str:
    """`interrupted`, and by what if it was no Ctrl-C."""
    return "interrupted" if number == signal.SIGINT else f"interrupted by {_name(number)}"


def _name(number: int) -> str:
    return signal.Signals(number).name


class Interrupts:
    """What becomes of a signal that asks for an end.

    One that comes while something is written down is kept until then. A second Ctrl-C does not
    wait; other signals may come twice without any hurry, as a terminal that goes away sends SIGHUP.
    """

    def __init__(self) -> None:
        self.asked: int | None = None
        """The first signal's number."""
        self.ended = False
        """Whether what was at work has been stopped; nothing hurries what is left to do."""
        self._holders = 0
        self._done = False
        self._once = 0
        self._deaf = False

    @contextmanager
    def held(self) -> Iterator[None]:
        """What is begun in here is brought to its end."""
        self._holders += 1
        try:
            yield
        finally:
            self._holders -= 1

    @contextmanager
    def once(self) -> Iterator[None]:
        """What is at work in here is stopped once; further signals wait until it has ended."""
        self._once += 1
        self._done = False
        try:
            yield
        finally:
            self._once -= 1
            self._deaf = False

    def end(self) -> None:
        """Hear no more: what was at work has been stopped."""
        self.ended = True

    def finish(self) -> None:
        """What was at work is done: there is nothing left to stop but who tells of it."""
        self._done = True

    def let_through(self) -> None:
        """Give way to one that was kept, or that somebody's code has swallowed, if nothing holds it
        any more.

        Raises:
            Stopped: there was one.
        """
        if self.asked is not None and not (self._holders or self.ended):
            self._stop(self.asked)

    def hear(self, number: int, _frame: object = None) -> None:
        """The handler of a signal."""
        first = self.asked is None
        self.asked = self.asked or number
        hurries = number == signal.SIGINT and not first
        held = self._holders or self._done
        if not (self.ended or self._deaf or (held and not hurries)):
            self._stop(self.asked)

    def _stop(self, number: int) -> None:
        self._deaf = self._once > 0
        raise Stopped(number)


@contextmanager
def listening() -> Iterator[Interrupts]:
    """From here on signals are ours; where they are already, to those who listen there.

    A program's own handlers of SIGTERM and SIGHUP are left alone, and in any thread but the main
    one there is nothing to listen to.
    """
    if threading.current_thread() is not threading.main_thread():
        yield Interrupts()
        return
    handlers = (getattr(signal.getsignal(number), "__self__", None) for number in SIGNALS)
    outer = next((each for each in handlers if isinstance(each, Interrupts)), None)
    if outer is not None:
        yield outer
        return
    interrupts = Interrupts()
    with ExitStack() as stack:
        for number in SIGNALS:
            before = signal.getsignal(number)
            if before is signal.SIG_DFL or (number == signal.SIGINT and before != signal.SIG_IGN):
                stack.callback(signal.signal, number, before)
                signal.signal(number, interrupts.hear)
        yield interrupts


def let_go() -> None:
    """From here on signals do what they do by default: end the process at once."""
    for number in SIGNALS:
        if signal.getsignal(number) not in (signal.SIG_IGN, None):
            signal.signal(number, signal.SIG_DFL)
