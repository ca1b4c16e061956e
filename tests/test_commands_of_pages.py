"""Command lines on pages can be typed: all are ones that the parser takes, and README's are run."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import splitrun.session
from splitrun.cli.app import run
from tests.cli.test_help import COMMANDS
from tests.probing import given_costs
from tests.test_tutorial import SHORTER, blocks

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])


def lines(page: Path) -> list[str]:
    """The command lines of a page's console blocks, each on one line."""
    text = page.read_text(encoding="utf-8")
    console = "".join(re.findall(r"```(?:console|sh)\n(.*?)```", text, re.DOTALL))
    joined = re.sub(r"\\\n\s*", "", console)
    return [line.removeprefix("$ ") for line in joined.splitlines()]


def typed() -> list[tuple[str, str]]:
    """Those of splitrun on all pages, with the page."""
    return [
        (page.relative_to(ROOT).as_posix(), line)
        for page in PAGES
        for line in lines(page)
        if line.startswith("splitrun ") and "…" not in line
    ]


def words_of(line: str) -> list[str]:
    """What a shell gives the program: no comment, and nothing of what its output goes to."""
    words = shlex.split(line, comments=True)
    ends = [place for place, word in enumerate(words) if word in ("|", ">", "&", ";", "2>")]
    return words[: min(ends, default=len(words))]


@pytest.mark.parametrize(("page", "line"), typed())
def test_a_command_line_on_a_page_is_one_that_the_parser_takes(page: str, line: str) -> None:
    _, *words = words_of(line)
    if words[0].startswith("-"):
        return
    names = next(names for names in COMMANDS if tuple(words[: len(names)]) == names)
    command = COMMANDS[names]
    parser = command.make_parser(typer.Context(command, info_name=names[-1]))
    _, left, _ = parser.parse_args(words[len(names) :])
    assert left == []


def test_every_command_of_readme_does_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But `make demo`, which installs, and the shell's own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        sys.modules[splitrun.session.prepare.__module__], "probe_costs", given_costs
    )
    (tmp_path / "experiments").symlink_to(ROOT / "experiments")
    (tmp_path / "make_files.py").write_text(blocks("python")[0], encoding="utf-8")
    subprocess.run([sys.executable, "make_files.py"], check=True)
    done = []
    for line in lines(ROOT / "README.md"):
        program, *words = words_of(line)
        if program == "splitrun":
            assert run([*words, *SHORTER.get(words[0], [])]) == 0, line
            done.append(words[0])
    assert done == ["compare", "init", "plan", "train", "predict"]
    assert len(Path("answers.csv").read_text(encoding="utf-8").splitlines()) == 501
