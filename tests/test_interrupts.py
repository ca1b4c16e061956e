"""Ctrl-C, SIGTERM and SIGHUP: when they take effect, and what they find whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from splitrun.interrupts import SIGNALS, Stopped, let_go, listening


def press(number: int = signal.SIGINT) -> None:
    signal.raise_signal(number)


@contextmanager
def handled(number: int, handler: object) -> Iterator[None]:
    """In here a signal has another handler."""
    before = signal.signal(number, handler)  # type: ignore[arg-type]
    try:
        yield
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("number", SIGNALS)
def test_one_that_comes_while_something_is_written_is_kept_until_then(number: int) -> None:
    written = []
    with listening() as interrupts:
        with interrupts.held():
            press(number)
            written.append("all of it")
        with pytest.raises(Stopped) as caught:
            interrupts.let_through()
    assert written == ["all of it"]
    assert caught.value.number == number


@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_ctrl_c_does_not_wait(first: int) -> None:
    with listening() as interrupts, interrupts.held():
        press(first)
        with pytest.raises(Stopped) as caught:
            press()
    assert caught.value.number == first


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_others_come_twice_without_any_hurry(number: int) -> None:
    with listening() as interrupts:
        with interrupts.held():
            press(number)
            press(number)
        with pytest.raises(Stopped):
            interrupts.let_through()


def test_an_inner_hold_does_not_let_through_what_an_outer_one_keeps() -> None:
    with listening() as interrupts:
        with interrupts.held():
            with interrupts.held():
                press()
            interrupts.let_through()
        with pytest.raises(Stopped):
            interrupts.let_through()


def test_what_is_stopped_once_hears_no_further_ones_until_its_end() -> None:
    with listening() as interrupts:
        with interrupts.once():
            with pytest.raises(Stopped):
                press()
            press()
        with pytest.raises(Stopped):
            press()


def test_one_that_somebodys_code_swallows_comes_again_until_the_end_has_begun() -> None:
    with listening() as interrupts, interrupts.once():
        for _ in range(2):
            with pytest.raises(Stopped):
                interrupts.let_through() if interrupts.asked else press()
        interrupts.end()
        interrupts.let_through()
        press()


def test_what_is_done_cannot_be_stopped_but_who_tells_of_it_can() -> None:
    with listening() as interrupts:
        interrupts.finish()
        press(signal.SIGTERM)
        with pytest.raises(Stopped):
            press()


def test_who_listens_within_another_listens_there() -> None:
    with listening() as outer, listening() as inner:
        assert inner is outer
    with handled(signal.SIGINT, signal.SIG_IGN), listening() as outer, listening() as inner:
        assert inner is outer


def test_what_was_ignored_stays_ignored() -> None:
    for number in SIGNALS:
        with handled(number, signal.SIG_IGN), listening():
            press(number)
            let_go()
            assert signal.getsignal(number) is signal.SIG_IGN
            # those that were not are by default now
            assert {signal.getsignal(other) for other in SIGNALS} == {
                signal.SIG_IGN,
                signal.SIG_DFL,
            }


def test_a_programs_own_handler_stays() -> None:
    heard: list[int] = []
    with handled(signal.SIGTERM, lambda number, _: heard.append(number)), listening():
        press(signal.SIGTERM)
    assert heard == [signal.SIGTERM]


def test_afterwards_everything_is_as_before() -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    with listening():
        assert signal.getsignal(signal.SIGHUP) != before[-1]
    assert [signal.getsignal(number) for number in SIGNALS] == before


def test_other_threads_have_none_to_listen_to() -> None:
    before = signal.getsignal(signal.SIGINT)
    heard = []

    def listen() -> None:
        with listening():
            heard.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [before]
