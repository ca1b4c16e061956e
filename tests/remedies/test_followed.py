"""What a message tells a user to type works when it is typed, or leads to the next honest problem.

To add a case: write a `Bad` (`tests/cli/trial.py`) into one of the tables that `CASES` is made of,
or, if it fits none of them, into `tests/remedies/table.py`. What its message advises is found by
`following.FORMS`; a remedy of a new form needs a line there. Cases whose remedy is to mend a file
are passed over. `test_every_remedy_that_names_a_key_has_a_case` reads the code: a new remedy such
as `set KEY to VALUE` that no case comes upon fails it, until one does or `UNTRIED` says why none
can.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from splitrun.cli.app import run
from tests.cli.bad_data import CELLS, HEADERS
from tests.cli.bad_specs import CROSS_CHECKS, KEYS, OVERRIDES, VALUES, YAML
from tests.cli.trial import Bad
from tests.remedies.following import Typed, follow, follow_to_the_end, run_in
from tests.remedies.sources import templates
from tests.remedies.table import TABLE, UNTRIED, WARNED

CASES = {
    f"{group}: {name}": case
    for group, cases in {
        "yaml": YAML,
        "keys": KEYS,
        "values": VALUES,
        "cross-checks": CROSS_CHECKS,
        "overrides": OVERRIDES,
        "headers": HEADERS,
        "cells": CELLS,
        "table": TABLE,
    }.items()
    for name, case in cases.items()
}


def told(case: Bad, typed: Typed, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines of what is wrong; none where all is well."""
    del case
    code = run(run_in(Path.cwd(), typed))
    captured = capsys.readouterr()
    assert code in (0, 2), captured.err
    assert "Traceback" not in captured.err
    return [line for line in captured.err.splitlines() if code and not line.startswith("warning")]


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_a_remedy_that_can_be_typed_works_when_it_is_typed(
    case: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPLITRUN_DATA_DIR", raising=False)
    case.write(tmp_path)
    spec = case.spec if isinstance(case.spec, str) else case.spec.decode(errors="replace")
    typed = Typed(("plan", "trial.yaml", *case.overrides), spec)
    follow_to_the_end(typed, lambda typed: told(case, typed, capsys))


@pytest.mark.parametrize("case", TABLE.values(), ids=TABLE.keys())
def test_a_case_of_the_table_comes_upon_the_remedy_it_is_there_for(
    case: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    case.write(tmp_path)
    typed = Typed(("plan", "trial.yaml", *case.overrides), str(case.spec))
    message = "\n".join(told(case, typed, capsys))
    assert _says(message, case.told), message


@pytest.mark.parametrize("case", WARNED.values(), ids=WARNED.keys())
def test_a_warning_ends_when_what_it_says_is_typed(
    case: Bad, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    case.write(tmp_path)
    typed = Typed(("plan", "trial.yaml", *case.overrides), str(case.spec))
    assert run(run_in(tmp_path, typed)) == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if _says(line, case.told)]
    assert len(lines) == 1
    after = follow(lines[0].removeprefix("warning: "), typed)
    assert after is not None
    assert run(run_in(tmp_path, after)) == 0
    assert not _says(capsys.readouterr().err, case.told)


def test_every_remedy_that_names_a_key_has_a_case() -> None:
    words = "\n".join(case.told for case in (CASES | WARNED).values())
    untried = [
        f"{place}: {template.replace(chr(0), '…')}"
        for template, place in templates().items()
        if not re.search(_pattern(template), words) and _shown(template) not in UNTRIED
    ]
    assert not untried, "\n".join(untried)


def test_nothing_is_called_untried_that_is_not_there() -> None:
    assert set(UNTRIED) <= {_shown(template) for template in templates()}


def _says(text: str, told: str) -> bool:
    return re.search(".*".join(map(re.escape, told.split("…"))), text) is not None


def _shown(template: str) -> str:
    return template.replace("\0", "…")


def _pattern(template: str) -> str:
    return "[^\n]*?".join(map(re.escape, template.split("\0")))
