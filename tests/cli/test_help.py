"""What the command line says of itself: its help, its examples, its completion."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import typer

from splitrun import __version__
from splitrun.cli.app import app, run
from tests.catalogue.made import make_run
from tests.cli.trial import ROWS, SPEC, refusal, write

EXPERIMENTS = Path(__file__).parents[2] / "experiments"
GROUP = typer.main.get_group(app)
CERTIFICATES: Any = GROUP.commands["certs"]
COMMANDS: dict[tuple[str, ...], Any] = {
    **{(name,): command for name, command in GROUP.commands.items() if name != "certs"},
    **{("certs", name): command for name, command in CERTIFICATES.commands.items()},
}


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run(arguments) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_said(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, option) == f"{__version__}\n"


def test_the_list_of_commands_is_not_cut_short(capsys: pytest.CaptureFixture[str]) -> None:
    told = " ".join(said(capsys, "--help").split())
    for (name,), command in ((names, it) for names, it in COMMANDS.items() if len(names) == 1):
        first = (command.help or "").partition("\n")[0]
        assert f" {name} {first} " in f"{told} "


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
def test_a_command_s_help_ends_with_command_lines_that_can_be_typed(
    names: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, examples = said(capsys, *names, "--help").partition("For example:\n")
    lines = examples.splitlines()
    assert 1 <= len(lines) <= 2
    for line in lines:
        program, *words = line.partition(" > ")[0].split()
        assert (program, *words[: len(names)]) == ("splitrun", *names)
        known = COMMANDS[names]
        parser = known.make_parser(typer.Context(known, info_name=names[-1]))
        _, left, _ = parser.parse_args(words[len(names) :])
        assert left == []


def test_examples_are_listed_by_what_their_files_begin_with(
    capsys: pytest.CaptureFixture[str],
) -> None:
    lines = said(capsys, "examples").splitlines()
    assert [line.split()[0] for line in lines] == sorted(
        path.stem for path in EXPERIMENTS.glob("*.yaml")
    )
    (quickstart,) = (line for line in lines if line.startswith("quickstart "))
    assert quickstart.endswith("generated; a label that needs both.")


def test_an_example_is_printed_as_it_stands(capsys: pytest.CaptureFixture[str]) -> None:
    printed = said(capsys, "examples", "quickstart")
    assert printed == (EXPERIMENTS / "quickstart.yaml").read_text(encoding="utf-8")
    told = "quikstart: no such example; did you mean quickstart?\n"
    assert refusal(capsys, "examples", "quikstart") == told


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where there are a spec and a run."""
    monkeypatch.chdir(tmp_path)
    write(tmp_path, {"trial.yaml": SPEC})
    make_run(tmp_path / "runs", "20261101T100000Z-trial-0f0f0f0f")
    return tmp_path


OFFERED = {
    "commands": (["pl"], {"plan"}),
    "options": (["train", "--ru"], {"--runs-dir"}),
    "ways to show progress": (["train", "--progress", "p"], {"plain"}),
    "specs": (["validate", ""], {"trial.yaml"}),
    "runs": (["eval", "2026"], {"20261101T100000Z-trial-0f0f0f0f"}),
    "the last run": (["train", "--resume", "@"], {"@last"}),
    "specs and runs": (["compare", "tr"], {"trial.yaml"}),
    "runs to compare": (["compare", "@last", "2026"], {"20261101T100000Z-trial-0f0f0f0f"}),
    "examples": (["examples", "q"], {"quickstart"}),
    "paths, which the shell knows": (["eval", "runs/"], set()),
}


@pytest.mark.parametrize(("words", "offered"), OFFERED.values(), ids=OFFERED.keys())
def test_a_shell_is_offered(
    words: Sequence[str],
    offered: set[str],
    place: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("_SPLITRUN_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", " ".join(["splitrun", *words]))
    monkeypatch.setenv("COMP_CWORD", str(len(words)))
    assert {*said(capsys).split()} == offered


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_a_shell_gets_a_script_that_asks(
    shell: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_SPLITRUN_COMPLETE", f"source_{shell}")
    script = said(capsys)
    assert f"_SPLITRUN_COMPLETE=complete_{shell}" in script


def test_completing_a_run_imports_nothing_that_computes_or_draws(place: Path) -> None:
    program = "from splitrun.cli.app import run; import sys; run([]); print(*sys.modules)"
    asked = {"COMP_WORDS": "splitrun eval 2026", "COMP_CWORD": "2"}
    ended = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, **asked, "_SPLITRUN_COMPLETE": "complete_bash"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stdout.startswith("20261101T100000Z-trial")
    heavy = {"torch", "numpy", "pandas", "msgspec", "yaml", "rich", "psutil", "splitrun.spec"}
    assert not heavy & {*ended.stdout.split()}


RUN_COMMANDS = [
    names
    for names, command in COMMANDS.items()
    if any(it.metavar in ("RUN", "RUN...") for it in command.params)
]


@pytest.mark.parametrize("names", RUN_COMMANDS, ids=" ".join)
def test_every_command_that_takes_a_run_is_offered_runs(
    names: tuple[str, ...], place: Path
) -> None:
    command = COMMANDS[names]
    context = typer.Context(command, info_name=names[-1])
    (argument,) = (it for it in command.params if it.metavar in ("RUN", "RUN..."))
    offered = argument.shell_complete(context, "2026")
    assert [it.value for it in offered] == ["20261101T100000Z-trial-0f0f0f0f"]


@pytest.fixture
def programs(tmp_path: Path) -> str:
    """A PATH whose `splitrun` is that of this checkout."""
    program = tmp_path / "bin" / "splitrun"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m splitrun "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


SHELLS = {
    "bash": """
        eval "$(_SPLITRUN_COMPLETE=source_bash splitrun)"
        offered() {
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _splitrun_completion splitrun
            printf '<%s>\\n' "${COMPREPLY[@]}"
        }
    """,
    "zsh": """
        compdef() { : }
        _arguments() { print -r -- $@ }
        eval "$(_SPLITRUN_COMPLETE=source_zsh splitrun)"
        offered() { words=("$@"); CURRENT=$#; _splitrun_completion }
    """,
}
"""What a shell does when Tab is pressed; zsh's own functions are told apart from ours."""


@pytest.mark.parametrize("shell", SHELLS)
def test_a_shell_runs_its_script(shell: str, place: Path, programs: str) -> None:
    if shutil.which(shell) is None:
        pytest.skip(f"{shell} is not installed")
    lines = ("splitrun pla", "splitrun train --ru", "splitrun eval 2026", "splitrun examples q")
    script = SHELLS[shell] + "\n".join(f"offered {line}" for line in lines)
    root = str(Path(__file__).parents[2])
    ended = subprocess.run(
        [shell, "-c", script],
        env=os.environ | {"PATH": programs, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ended.stderr == ""
    told = ended.stdout.splitlines()
    wanted = ("plan", "--runs-dir", "20261101T100000Z-trial-0f0f0f0f", "quickstart")
    assert len(told) == len(wanted)
    assert [each for each, line in zip(wanted, told, strict=True) if each not in line] == []


@pytest.mark.parametrize(
    ("before", "after"), [(["-q"], []), ([], ["-q"]), ([], ["--quiet"])], ids=str
)
def test_quiet_leaves_the_result_and_warnings(
    before: list[str], after: list[str], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, {"rows.csv": ROWS})
    arguments = ("train", "trial.yaml", "dataset.key_type=text")
    assert run([*arguments, "--progress", "plain"]) == 0
    loud = capsys.readouterr()
    assert "label y: " in loud.err
    assert run([*before, *arguments, *after]) == 0
    quiet = capsys.readouterr()
    (warning,) = quiet.err.splitlines()
    assert warning.startswith("warning: ")
    assert f"{warning}\n" in loud.err
    assert quiet.out.splitlines()[0] == loud.out.splitlines()[0]
    assert "nowhere: no such directory" in refusal(capsys, *before, "eval", "nowhere", *after)


def test_a_spec_s_problems_are_told_to_programs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, {"rows.csv": ROWS, "trial.yaml": SPEC.replace("hidden: [4], out: 2", "out: two")})
    assert run(["validate", "trial.yaml", "--json"]) == 2
    captured = capsys.readouterr()
    assert captured.err == ""
    told = json.loads(captured.out)
    assert told["valid"] is False
    (problem,) = told["problems"]
    assert problem == {
        "file": "trial.yaml",
        "line": 6,
        "column": 25,
        "key": "parties.alice.bottom.out",
        "what": "must be a whole number, not 'two'",
        "remedy": problem["remedy"],
    }


def test_a_spec_s_warnings_are_told_to_programs(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(place, {"rows.csv": ROWS})
    told = json.loads(said(capsys, "validate", "trial.yaml", "dataset.key_type=text", "--json"))
    (warning,) = told["warnings"]
    assert (told["valid"], told["problems"]) == (True, [])
    assert warning == {
        "file": "override 'dataset.key_type=text'",
        "line": 1,
        "column": 9,
        "key": "dataset.key_type",
        "what": "has no effect: there is no key",
        "remedy": "remove it, or add dataset.key",
    }


def test_data_that_cannot_be_read_are_a_problem_without_a_place(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["validate", "trial.yaml", "--json"]) == 2
    (problem,) = json.loads(capsys.readouterr().out)["problems"]
    assert (problem["file"], problem["line"], problem["key"]) == (None, None, "")
    assert problem["what"] == "rows.csv: No such file or directory"
