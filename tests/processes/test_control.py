"""What parties' processes and the one that has started them tell each other arrives whole."""

from __future__ import annotations

import os
from multiprocessing import Pipe

import pytest

from splitrun.processes.control import Decided, Ended
from splitrun.processes.pipe import LocalPipe


def test_more_files_than_the_system_takes_at_once_arrive_in_their_order() -> None:
    ours, theirs = map(LocalPipe, Pipe())
    files = [os.memfd_create(str(number)) for number in range(300)]
    ours.tell(Ended(files=files))
    ours.tell(Decided("bob.bottom", wanted=True))
    told = theirs.hear()
    kinds = [os.fstat(file).st_ino for file in told.files]
    assert kinds == [os.fstat(file).st_ino for file in files]
    assert theirs.hear() == Decided("bob.bottom", wanted=True)
    for file in (*files, *told.files):
        os.close(file)
    ours.close()
    with pytest.raises((EOFError, OSError)):
        theirs.hear()
    theirs.close()
