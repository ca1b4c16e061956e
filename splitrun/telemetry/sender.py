"""Calls to a server that nobody waits for: a thread makes them, in order."""

from __future__ import annotations

from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread
from time import monotonic

from splitrun.errors import one_line

Call = Callable[[], object]


class Sender:
    """Makes calls in a thread of its own. One that fails is made again for some time, unless it is
    the first; then no more are made.

    Args:
        whom: the server's address, for messages.
        retries_every_s: between two tries of a call.
        retries_for_s: from the first try of a call to the last.
        patience_s: how long the end waits for an answer.
        longest_end_s: how long it waits for all answers together.
    """

    def __init__(
        self,
        whom: str,
        *,
        retries_every_s: float = 5.0,
        retries_for_s: float = 120.0,
        patience_s: float = 5.0,
        longest_end_s: float = 30.0,
    ) -> None:
        self._whom = whom
        self._retries_every_s = retries_every_s
        self._retries_for_s = retries_for_s
        self._patience_s = patience_s
        self._longest_end_s = longest_end_s
        self._calls: SimpleQueue[Call | None] = SimpleQueue()
        self._ending = Event()
        self._answered = 0
        self._error: ConnectionError | None = None
        # A daemon, for whoever waits for a server that hangs shall not keep the process from
        # its end.
        self._thread = Thread(target=self._work, name=f"sender to {whom}", daemon=True)
        self._thread.start()

    def submit(self, call: Call) -> None:
        """Have a call made, after all others.

        Raises:
            ConnectionError: an earlier one has failed, and why.
        """
        if self._error is not None:
            raise self._error
        self._calls.put(call)

    def close(self) -> None:
        """Wait until all calls are made.

        Raises:
            ConnectionError: one has failed, and why.
            TimeoutError: one has no answer, or all take too long; what is left is not waited for.
        """
        self._ending.set()
        self._calls.put(None)
        latest = monotonic() + self._longest_end_s
        while self._thread.is_alive():
            answered = self._answered
            self._thread.join(self._patience_s)
            if not self._thread.is_alive():
                break
            if self._answered == answered:
                raise TimeoutError(f"{self._whom}: no answer within {self._patience_s:g} s")
            if monotonic() > latest:
                late = f"not all was taken within {self._longest_end_s:g} s"
                raise TimeoutError(f"{self._whom}: {late}")
        if self._error is not None:
            raise self._error

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                self._make(call)
            except Exception as error:  # noqa: BLE001 - whoever submits or closes hears of it
                self._error = ConnectionError(f"{self._whom}: {one_line(_origin(error))}")
                return
            self._answered += 1

    def _make(self, call: Call) -> None:
        last_try = monotonic() + self._retries_for_s
        while True:
            try:
                call()
            except Exception:
                if not self._answered or self._ending.is_set() or monotonic() > last_try:
                    raise
            else:
                return
            self._ending.wait(self._retries_every_s)


def _origin(error: BaseException) -> BaseException:
    """What it began with: clients wrap a refused connection in several errors of their own."""
    inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return error if inner is None else _origin(inner)
