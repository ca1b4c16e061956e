"""What is said of an odd file is typed literally, and works or leads to the next honest problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.errors import UsageError
from tests.odd.case import Case, write
from tests.odd.test_odd import CASES, outcome
from tests.remedies.following import Typed, follow

TOLD = {name: case for name, case in CASES.items() if case.told}
_MOST = 8


@pytest.mark.parametrize("case", TOLD.values(), ids=TOLD.keys())
def test_what_is_said_of_an_odd_file_works_when_it_is_typed(case: Case, tmp_path: Path) -> None:
    typed = Typed((*case.overrides, *case.more), case.spec)
    seen: set[str] = set()
    for _ in range(_MOST):
        odd = write(tmp_path, case.files, typed.spec)
        try:
            outcome(odd, typed.words)
        except UsageError as error:
            lines = str(error).splitlines()
        else:
            return
        what = {line.rpartition("; ")[0] for line in lines}
        assert not what & seen, f"{lines[0]}\nagain after {typed.words}"
        seen |= what
        after = typed
        for line in lines:
            after = follow(line, after) or after
        if after == typed:
            return  # what is left is to be mended in a file
        typed = after
    pytest.fail(f"no end of problems: {typed.words}")
