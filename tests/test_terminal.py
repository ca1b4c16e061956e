"""Names of strangers on their way to a terminal, a spreadsheet and a page."""

from __future__ import annotations

import csv
import io
import shutil
from pathlib import Path

import pytest
from rich.table import Table

from splitrun.cli.app import run
from splitrun.cli.console import Console
from splitrun.cli.output import echo
from splitrun.dashboard.line import PLAIN, line
from splitrun.study.bench.store import Report, to_csv, to_markdown
from splitrun.study.bench.store import ResultTable as Numbers
from splitrun.units import csv_cell, plain
from tests.cli.trial import SYNTHETIC
from tests.session.stopping import content_of, stopped
from tests.study.benches import HEADER

EVIL = "\x1b[2J\x9b31m\r\x07‮"


def test_what_a_terminal_would_do_is_shown_and_words_of_any_script_stay() -> None:
    assert plain(EVIL) == r"\x1b[2J\x9b31m\r\x07\u202e"
    assert plain("\udcff") == r"\udcff"
    for text in ("two\nlines", "a\ttab", "日本語　名", "Grüße a", "[bold]"):
        assert plain(text) == text


def test_lines_and_tables_show_names_literally(capsys: pytest.CaptureFixture[str]) -> None:
    echo(Path(EVIL), err=True)
    echo(f"[bold]{EVIL}")
    console = Console(width=200, force_terminal=True)
    table = Table(f"[bold]{EVIL}")
    table.add_row(f"[red]:smile:{EVIL}")
    console.print(table)
    console.print(f"[link=x]{EVIL}", highlight=False)
    captured = capsys.readouterr()
    shown = captured.out + captured.err
    for code in ("\x1b[1m", "\x1b[0m", "\x1b[3m"):  # rich's own, of a table's head
        shown = shown.replace(code, "")
    assert not set("\x1b\x9b\r\x07‮") & set(shown)
    for text in ("[bold]", "[red]:smile:", "[link=x]", r"\x1b[2J"):
        assert text in shown


def test_a_dashboard_is_drawn_of_letters_alone() -> None:
    (name, *_) = line([(EVIL, PLAIN), ("rest", PLAIN)], 40)
    assert name.text.isprintable()


def test_no_command_lets_names_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = tmp_path / "\x1b[31m[bold]red"
    shutil.copytree(stopped(content_of("sequential"), tmp_path), odd)
    for party in ("p0", "p1"):
        (odd / "checkpoints" / party / "step-00000099").mkdir()
    shutil.copytree(odd, other := tmp_path / "other")
    (tmp_path / "trial.yaml").write_text(SYNTHETIC)
    for arguments in (
        ["ls", "--runs-dir", str(tmp_path)],
        ["ls", "--runs-dir", str(tmp_path), "--csv"],
        ["show", str(odd)],
        ["rm", str(odd), "--dry-run"],
        ["eval", str(odd)],
        ["watch", str(odd)],
        ["report", str(odd)],
        ["trace", str(odd)],
        ["compare", str(odd), str(odd)],
        ["train", "--resume", str(odd)],
        ["validate", str(odd)],
        ["validate", str(odd / "none.yaml")],
        ["plan", str(tmp_path / "trial.yaml"), f"seed={EVIL}", f"{EVIL}=1"],
        ["train", str(tmp_path / "trial.yaml"), "--sink", EVIL],
        ["train", str(tmp_path / "trial.yaml"), f"--{EVIL}"],
        [EVIL],
    ):
        run(arguments)
    captured = capsys.readouterr()
    assert not set("\x1b\x9b\r\x07‮") & set(captured.out + captured.err)
    assert "[bold]red" in captured.out
    assert run(["train", "--resume", str(other), "--progress", "plain"]) == 0
    assert "warning: " in capsys.readouterr().err


# --- spreadsheets and Markdown -------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", ["=1+1", "+1+1", "-1-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1"]
)
def test_formulas_are_text_to_a_spreadsheet(value: str) -> None:
    assert csv_cell(value) == f"'{value}"


@pytest.mark.parametrize(
    "value", [-1.5, 2, None, "-1.5", "+3", "-1e-3", ".5", "a=b", "", "stale|4", "0.1"]
)
def test_numbers_and_words_stay_as_they_are(value: object) -> None:
    assert csv_cell(value) == value


def test_exports_of_a_bench_run_nothing() -> None:
    head = "=cmd|' /C calc'!A0"
    shown = Numbers((head, "x"), (("a|b\n<b>\x1b", "1"),))
    figures = Numbers((head, "x"), ((head, -1.5),))
    report = Report(shown, 1, ("one\n# two <script>",), figures, HEADER)
    assert list(csv.reader(io.StringIO(to_csv(report)))) == [
        [f"'{head}", "x"],
        [f"'{head}", "-1.5"],
    ]
    text = to_markdown(report)
    assert r"| a\|b &lt;b>\x1b | 1 |" in text
    assert "- one # two &lt;script>\n" in text
