"""Ctrl-C: when it takes effect, and what it finds whole."""

from __future__ import annotations

import signal
import threading

import pytest

from splitrun.interrupts import Interrupts


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_one_that_comes_while_something_is_written_is_kept_until_then() -> None:
    interrupts, written = Interrupts(), []
    with interrupts.listening():
        with interrupts.held():
            press()
            written.append("all of it")
        with pytest.raises(KeyboardInterrupt):
            interrupts.let_through()
    assert written == ["all of it"]


def test_a_second_one_does_not_wait() -> None:
    interrupts = Interrupts()
    with interrupts.listening(), interrupts.held():
        press()
        with pytest.raises(KeyboardInterrupt):
            press()


def test_an_inner_hold_does_not_let_through_what_an_outer_one_keeps() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        with interrupts.held():
            with interrupts.held():
                press()
            interrupts.let_through()
        with pytest.raises(KeyboardInterrupt):
            interrupts.let_through()


def test_once_stopped_further_ones_are_not_heard_until_the_end() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        with pytest.raises(KeyboardInterrupt):
            press()
        press()
    with pytest.raises(KeyboardInterrupt):
        press()


def test_one_that_was_kept_stops_once() -> None:
    interrupts = Interrupts()
    with interrupts.listening():
        with interrupts.held():
            press()
        with pytest.raises(KeyboardInterrupt):
            interrupts.let_through()
        interrupts.let_through()


def test_other_threads_have_none_to_listen_to() -> None:
    before = signal.getsignal(signal.SIGINT)
    heard = []

    def listen() -> None:
        with Interrupts().listening():
            heard.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert heard == [before]
