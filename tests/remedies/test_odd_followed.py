"""What is said of an odd file is typed literally, and works or leads to the next honest problem."""

from __future__ import annotations

from pathlib import Path

import pytest

from splitrun.errors import UsageError
from tests.odd.case import Case, write
from tests.odd.test_odd import CASES, outcome
from tests.remedies.following import Typed, follow_to_the_end

TOLD = {name: case for name, case in CASES.items() if case.told}


@pytest.mark.parametrize("case", TOLD.values(), ids=TOLD.keys())
def test_what_is_said_of_an_odd_file_works_when_it_is_typed(case: Case, tmp_path: Path) -> None:
    typed = Typed((*case.overrides, *case.more), case.spec)

    def problems(typed: Typed) -> list[str]:
        odd = write(tmp_path, case.files, typed.spec)
        try:
            outcome(odd, typed.words)
        except UsageError as error:
            return str(error).splitlines()
        return []

    follow_to_the_end(typed, problems)
