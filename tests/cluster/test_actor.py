"""What a party's actor says is known before it goes on, with the files that go with it."""

from __future__ import annotations

import os
import threading

import pytest

from splitrun.cluster import actor
from splitrun.cluster.actor import Letter, Mailbox, letter_of, opened
from splitrun.processes.control import Due, News, Ready, Stacks


def test_whoever_says_something_goes_on_when_it_is_known() -> None:
    mailbox, has_said = Mailbox(), threading.Event()

    def say() -> None:
        mailbox.tell(Ready())
        has_said.set()
        mailbox.close()

    thread = threading.Thread(target=say)
    thread.start()
    assert mailbox.take() == ([letter_of(Ready())], False)
    assert not has_said.is_set()
    assert mailbox.take() == ([], True)
    thread.join()
    assert has_said.is_set()


def test_news_waits_for_nobody_and_comes_with_what_cannot_wait() -> None:
    mailbox = Mailbox()
    news = News((), (), "said")
    mailbox.tell(news)
    thread = threading.Thread(target=mailbox.tell, args=[Ready()])
    thread.start()
    letters: list[Letter] = []
    while len(letters) < 2:
        letters += mailbox.take()[0]
    assert letters == [letter_of(news), letter_of(Ready())]
    mailbox.close()
    thread.join()


def test_who_has_nothing_to_say_shows_that_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actor, "BEATS_S", 0.01)
    assert Mailbox().take() == ([], False)


def test_files_travel_as_their_content_and_have_no_name_where_they_arrive() -> None:
    files = [os.memfd_create(str(number)) for number in range(3)]
    for number, file in enumerate(files):
        os.write(file, bytes([number]) * 1000 * number)
    told = opened(letter_of(Due("bob.bottom", files=files)))
    assert isinstance(told, Due)
    assert [os.pread(file, 5000, 0) for file in told.files] == [b"", b"\1" * 1000, b"\2" * 2000]
    assert opened(letter_of(Stacks("here"))) == Stacks("here")
    for file in (*files, *told.files):
        assert os.fstat(file).st_nlink == 0
        os.close(file)
