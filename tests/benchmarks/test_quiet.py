"""What is kept of a study, and what is not, by who had the cores meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from splitrun.session.environment import LoadMeter, MachineLoad
from tests.benchmarks import __main__ as command
from tests.benchmarks import machine
from tests.benchmarks.machine import Spread
from tests.benchmarks.quiet import Stretch, why_busy


def test_a_machine_that_others_hardly_used_is_quiet() -> None:
    assert why_busy([]) == ""
    assert why_busy([Stretch(60, 4), Stretch(1, 40), Stretch(60, 3)]) == ""


def test_what_others_took_over_a_whole_study_counts_by_its_time() -> None:
    assert why_busy([Stretch(30, 0), Stretch(10, 45)]) == "others took 11 % of a core over 40 s"


def test_a_burst_is_told_with_the_line_that_it_fell_on() -> None:
    stretches = [Stretch(300, 1, "| serial |"), Stretch(2, 130, "| threaded |")]
    told = "others took 130 % of a core for 2 s, at `| threaded |`"
    assert why_busy(stretches) == told
    assert why_busy([Stretch(300, 1), Stretch(2, 130)]) == told.partition(",")[0]


def test_readings_are_told_by_median_quartiles_and_their_slowest_tenth() -> None:
    assert Spread.of(range(11)) == Spread(low=2.5, median=5, high=7.5, tenth=9, mean=5)


@pytest.mark.parametrize(
    ("others_percent", "status", "kept"), [(1.0, 0, ["machine.md", "stub.md"]), (60.0, 1, [])]
)
def test_only_what_had_the_machine_to_itself_is_kept(
    others_percent: float,
    status: int,
    kept: list[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    load = MachineLoad(others_percent=others_percent, idle_percent=50.0)
    monkeypatch.setattr(LoadMeter, "so_far", lambda _: load)
    monkeypatch.setattr("tests.benchmarks.quiet.KEPT", tmp_path)
    monkeypatch.setattr("tests.benchmarks.quiet.SHORTEST_S", 0.0)
    monkeypatch.setattr(machine, "this_machine", _NoMachine)
    monkeypatch.setattr(command, "STUDIES", {"stub": (_rows, 3)})
    assert command.main(["stub"]) == status
    printed = capsys.readouterr().out
    assert printed.count("| 3 rounds |") == 1
    assert ("**Not kept**: the machine was busy: others took 60 %" in printed) == bool(status)
    assert sorted(path.name for path in tmp_path.iterdir()) == kept
    if kept:
        assert (tmp_path / "stub.md").read_text() == "## stub\n\n| 3 rounds |\n"


class _NoMachine:
    def rows(self) -> Iterator[str]:
        yield "none"


def _rows(repeats: int) -> Iterator[str]:
    yield f"| {repeats} rounds |"
