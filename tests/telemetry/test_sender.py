"""Calls that a thread makes for those who do not wait."""

from __future__ import annotations

from functools import partial
from threading import Event

import pytest

from splitrun.telemetry.sender import Sender

KEEN = {"retries_every_s": 0.0, "patience_s": 60.0}


class Flaky:
    """A call that fails so many times."""

    def __init__(self, failures: int) -> None:
        self.failures = failures
        self.tries = 0
        self.made = Event()

    def __call__(self) -> None:
        self.tries += 1
        if self.tries <= self.failures:
            raise ConnectionError(f"refused {self.tries}")
        self.made.set()


def test_calls_are_made_in_order_and_the_end_waits_for_all() -> None:
    made: list[int] = []
    sender = Sender("test")
    for number in range(100):
        sender.submit(partial(made.append, number))
    sender.close()
    assert made == list(range(100))


def test_who_does_not_answer_at_first_is_not_asked_again() -> None:
    first, second = Flaky(failures=1), Flaky(failures=0)
    sender = Sender("test", **KEEN)
    sender.submit(first)
    with pytest.raises(ConnectionError, match="refused 1"):
        sender.close()
    with pytest.raises(ConnectionError, match="refused 1"):
        sender.submit(second)
    assert (first.tries, second.tries) == (1, 0)


def test_who_has_answered_before_is_asked_again() -> None:
    call = Flaky(failures=3)
    sender = Sender("test", **KEEN)
    sender.submit(lambda: None)
    sender.submit(call)
    assert call.made.wait(60)
    sender.close()
    assert call.tries == 4


def test_an_error_tells_whom_and_what_it_began_with() -> None:
    def call() -> None:
        try:
            raise OSError("out of luck")
        except OSError as error:
            raise RuntimeError("wrapped at length") from error

    sender = Sender("http://tracking")
    sender.submit(call)
    with pytest.raises(ConnectionError, match=r"^http://tracking: OSError: out of luck$"):
        sender.close()


def test_nobody_is_asked_for_ever() -> None:
    call = Flaky(failures=10**9)
    sender = Sender("test", **KEEN, retries_for_s=0.0)
    sender.submit(lambda: None)
    sender.submit(call)
    with pytest.raises(ConnectionError):
        sender.close()


def test_the_end_does_not_wait_for_the_next_try() -> None:
    call = Flaky(failures=10**9)
    sender = Sender("test", retries_every_s=1e6, patience_s=60)
    sender.submit(lambda: None)
    sender.submit(call)
    with pytest.raises(ConnectionError):
        sender.close()


def test_the_end_does_not_wait_for_who_hangs() -> None:
    let_go = Event()
    sender = Sender("test", patience_s=0.01)
    sender.submit(let_go.wait)
    with pytest.raises(TimeoutError, match=r"no answer within 0\.01 s"):
        sender.close()
    let_go.set()


def test_the_end_does_not_wait_long_for_who_is_slow() -> None:
    hurry = Event()
    sender = Sender("test", patience_s=0.5, longest_end_s=0.0)
    for _ in range(100_000):
        sender.submit(partial(hurry.wait, 0.001))
    with pytest.raises(TimeoutError, match="not all was taken within 0 s"):
        sender.close()
    hurry.set()
