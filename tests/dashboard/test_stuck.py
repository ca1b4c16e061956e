"""A run that is stuck looks stuck, however it is shown."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from splitrun.dashboard import PlainLines
from splitrun.dashboard.frame import Frame
from splitrun.dashboard.line import wrapped
from splitrun.dashboard.lines import stacks_text, stuck_text
from splitrun.dashboard.progress import RunProgress
from splitrun.dashboard.roles import Kind
from splitrun.dashboard.view import RunView
from splitrun.events import Event, Executed, RunEnded, Sampled, Sent, Stuck, Waiting
from splitrun.report.summary import summarise
from splitrun.report.trace import write_trace
from splitrun.telemetry import read_events
from tests.dashboard.frames import CASES
from tests.dashboard.runs import CLOCK, ROWS, started, step
from tests.dashboard.test_lines import _terminal_of_its_own, shown  # noqa: F401 - a fixture
from tests.telemetry import recordings

STUCK = Stuck(
    role="bob.bottom",
    at="FORWARD 120",
    cause="role",
    for_s=7.2,
    left_s=12.8,
    time=CLOCK + 10,
    waits=(Waiting("alice.bottom", "alice.top", 7.0), Waiting("alice.top", "bob.bottom", 7.1)),
)


def sampled(after: float) -> Sampled:
    return Sampled(CLOCK + after, 1.0, (1.0,), 1, 1, 1, {}, ())


def stuck_run(status: str = "", run_dir: str = "runs/trial") -> Iterator[Event]:
    """A hundred steps a second for two seconds, then nothing but samples for eight."""
    yield replace(started(1000), run_dir=run_dir)
    for index in range(200):
        yield step(index, 0.01 * (index + 1))
    for seconds in range(3, 11):
        yield sampled(seconds)
        if seconds > 3:
            yield replace(
                STUCK, for_s=seconds - 2.0, left_s=12.0 - seconds, time=CLOCK + seconds, waits=()
            )
    match status:
        case "over":
            yield replace(STUCK, for_s=8.0, time=CLOCK + 10, over=True, waits=())
            yield step(200, 10.1)
            yield step(201, 10.2)
        case "failed":
            yield RunEnded("failed", "bob.bottom failed at FORWARD 120: …", CLOCK + 12)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (
            STUCK,
            "stuck: bob.bottom at FORWARD 120 for 7.2 s; the deadline ends it in 12.8 s; "
            "alice.top waits for bob.bottom, alice.bottom waits for alice.top",
        ),
        (
            replace(
                STUCK,
                role="alice.top",
                at="RECV 80 from bob.bottom",
                peer="bob.bottom",
                cause="link",
                waits=(
                    Waiting("alice.top", "bob.bottom", 7.0),
                    *(Waiting(f"{name}.bottom", "alice.top", 7.0) for name in "abcd"),
                ),
            ),
            "stuck: bob.bottom->alice.top is silent, RECV 80 from bob.bottom, for 7.2 s; the "
            "deadline ends it in 12.8 s; a.bottom and 3 more wait for alice.top",
        ),
        (
            replace(STUCK, at="RECV 80 from bob.bottom", role="alice.top", cause="ended", waits=()),
            "stuck: alice.top at RECV 80 from bob.bottom, which has ended, for 7.2 s; the deadline "
            "ends it in 12.8 s",
        ),
        (
            replace(
                STUCK,
                cause="circle",
                for_s=725.0,
                left_s=5275.0,
                waits=(Waiting("a.top", "c.top", 1.0), Waiting("b.top", "c.top", 1.0)),
            ),
            "stuck: roles wait for each other, bob.bottom at FORWARD 120, for 12:05; the deadline "
            "ends it in 1:27:55; a.top and b.top wait for c.top",
        ),
        (replace(STUCK, over=True), "bob.bottom went on at FORWARD 120 after 7.2 s"),
    ],
)
def test_what_is_stuck_is_told_in_a_sentence(event: Stuck, expected: str) -> None:
    assert stuck_text(event) == expected


def test_a_run_that_was_stopped_tells_what_it_was_stuck_at() -> None:
    view = CASES["stuck-120x40"].view()
    view.fold(RunEnded("interrupted", "interrupted after 200 of 1200 steps", view.now + 3))
    told = frame(view)
    assert "it was stuck: p1.bottom at FORWARD 200 for 7.2 s; p0.top waits for p1.bottom" in told
    assert "deadline" not in told


def test_of_a_silent_run_nothing_is_claimed() -> None:
    view = CASES["stale-120x40"].view()
    view.unheard_s = 9.0
    told = frame(view)
    assert "silent for 9 s" in told
    assert "throughput          0 samples/s" in told
    assert "ETA    --:--" in told
    for role in view.roles.values():
        assert role.recent(view.present, view.now).idle > 0.98
        assert set(role.row(100, view.present, view.now, running=True)) == {Kind.IDLE}
    view.unheard_s = 700.0
    assert "silent for 11:40" in frame(view)


def test_a_role_that_is_at_nothing_neither_works_nor_waits() -> None:
    """As in the serial runtime, whatever it would do next."""
    view = CASES["stuck-120x40"].view()
    stuck = view.progress.stuck
    assert stuck is not None
    idle = tuple(wait.role for wait in stuck.waits)
    view.fold(replace(stuck, waits=(), idle=idle))
    for name in idle:
        assert view.roles[name].recent(view.now).idle > 0.95
        assert set(view.roles[name].row(50, view.now, running=True)) == {Kind.IDLE}


def test_time_goes_on_between_two_events() -> None:
    assert stuck_text(STUCK, 0.5).startswith(
        "stuck: bob.bottom at FORWARD 120 for 7.7 s; the deadline ends it in 12.3 s;"
    )
    assert "ends it in 0.0 s" in stuck_text(STUCK, 20.0)


def folded(*events: Event) -> RunProgress:
    view = RunProgress()
    for event in events:
        view.fold(event)
    return view


def test_throughput_falls_to_nothing_where_no_step_ends() -> None:
    view = folded(started(1000), *(step(index, 0.01 * (index + 1)) for index in range(200)))
    rates = [view.samples_per_s_at(CLOCK + 2 + 0.25 * quarter) for quarter in range(30)]
    assert rates[0] == pytest.approx(100 * ROWS)
    assert rates == sorted(rates, key=lambda rate: -(rate or 0))
    assert rates[10] == pytest.approx(50 * ROWS, rel=0.15)
    assert (rates[19], rates[21]) != (0.0, 0.0)
    assert rates[21:] == [0.0] * 9
    assert view.eta_s_at(CLOCK + 9) is None


def test_throughput_of_long_steps_does_not_fall_before_one_is_late() -> None:
    view = folded(started(10), *(step(index, 30.0 * index) for index in range(3)))
    usual = pytest.approx(ROWS / 30)
    assert [view.samples_per_s_at(CLOCK + 60 + late) for late in (0, 10, 29.9)] == [usual] * 3
    assert view.samples_per_s_at(CLOCK + 105) == pytest.approx(ROWS / 45)
    assert view.samples_per_s_at(CLOCK + 121) == 0


def test_while_something_is_stuck_nobody_knows_how_long_it_will_take() -> None:
    view = folded(*stuck_run(), step(200, 10.1))
    assert view.samples_per_s
    assert view.eta_s_at(CLOCK + 10.1) is None
    assert folded(*stuck_run("over")).eta_s_at(CLOCK + 10) is not None


def frame(view: RunView) -> str:
    lines = Frame(view).lines(120, 40)
    return "\n".join("".join(segment.text for segment in line).rstrip() for line in lines)


def test_who_is_stuck_does_not_work_and_who_waits_for_it_waits() -> None:
    view = CASES["stuck-120x40"].view()
    stuck, top = view.roles["p1.bottom"], view.roles["p0.top"]
    assert stuck.recent(view.now).busy < 0.01
    assert top.recent(view.now).receive > 0.95
    view.fold(replace(STUCK, time=view.now, over=True))
    assert "stuck" not in frame(view)


def test_a_gap_in_the_events_makes_no_role_stuck_for_ever() -> None:
    view = CASES["stuck-120x40"].view()
    view.note_gap(100)
    assert view.progress.stuck is None
    view.fold(Executed("p1.bottom", "FORWARD", "train", 900, 0, view.now + 100, view.now + 101))
    assert not any(role.is_stuck or role.awaits for role in view.roles.values())


def test_events_of_strangers_are_stuck_at_nothing_of_ours() -> None:
    view = CASES["stale-80x24"].view()
    view.fold(replace(STUCK, role="no.body", at="\x1b[2J", time=view.now))
    assert not any(role.is_stuck for role in view.roles.values())
    assert "stuck: no.body at  [2J for 7.2 s" in frame(view)


def test_a_bar_says_once_what_is_stuck_and_falls_to_nothing() -> None:
    bar = "epoch 1/1 ━━━━                   step 200/1000 0 samples/s loss 0.5000 ETA --:--"
    stuck = "stuck: bob.bottom at FORWARD 120 for 2.0 s; the deadline ends it in 8.0 s"
    assert shown(stuck_run(), 80).splitlines() == [stuck, bar]
    lines = shown(stuck_run("over"), 80).splitlines()
    assert lines[:2] == [stuck, "bob.bottom went on at FORWARD 120 after 8.0 s"]
    assert "ETA --:--" not in lines[2]


def test_a_bar_and_lines_say_in_the_end_where_stacks_are(tmp_path: Path) -> None:
    (tmp_path / "stacks.txt").write_text("bob.bottom\n")
    told = stacks_text(str(tmp_path))
    assert told.startswith("stacks.txt in ")
    assert told.endswith("tells where threads were")
    assert told in shown(stuck_run("failed", str(tmp_path)), 200).splitlines()
    assert told in lines("failed", str(tmp_path))
    assert "stacks.txt" not in "".join(lines("failed", str(tmp_path / "elsewhere")))


def lines(status: str = "", run_dir: str = "") -> list[str]:
    stream = io.StringIO()
    sink = PlainLines(stream)
    for event in stuck_run(status, run_dir):
        sink(event)
    return stream.getvalue().splitlines()


def test_lines_come_every_few_seconds_while_something_is_stuck() -> None:
    stuck = "stuck: bob.bottom at FORWARD 120 for {}.0 s; the deadline ends it in {}.0 s"
    nothing = "epoch 1/1  step 200/1000  0 samples/s  loss 0.5000  ETA --:--"
    assert [line for line in lines("over") if line.startswith(("stuck", "bob"))] == [
        stuck.format(2, 8),
        stuck.format(5, 5),
        stuck.format(8, 2),
        "bob.bottom went on at FORWARD 120 after 8.0 s",
    ]
    assert lines()[-1] == nothing


def test_reasons_are_wrapped_between_words_and_cut_after_some_lines() -> None:
    assert wrapped("one two three four", 9, 3) == ["one two  ", "three    ", "four     "]
    assert wrapped("one two three four", 9, 2) == ["one two  ", "three fo…"]
    assert wrapped("a-word-that-is-long and 世界", 8, 3) == ["a-word-…", "and 世界"]
    assert wrapped("", 5, 3) == ["     "]


def test_traces_and_reports_tell_what_was_stuck(tmp_path: Path) -> None:
    events: list[Event] = [
        recordings.started(tmp_path),
        recordings.executed("a.bottom", "FORWARD", 0.0, 0.1),
        replace(
            STUCK,
            role="b.bottom",
            time=recordings.CLOCK + 10,
            for_s=9.0,
            waits=(Waiting("a.top", "b.bottom", 8.0),),
        ),
    ]
    recordings.record(tmp_path, [*events, RunEnded("failed", "", recordings.CLOCK + 11)])
    assert list(read_events(tmp_path))[2] == events[2]
    found = summarise(tmp_path)
    assert found is not None
    assert found.stuck == events[2]
    write_trace(tmp_path, tmp_path / "trace.json")
    text = (tmp_path / "trace.json").read_text()
    stuck = '"ts":1000000.0,"dur":10000000.0,"name":"FORWARD 120, stuck"'
    waits = '"ts":2000000.0,"dur":9000000.0,"name":"waits for b.bottom"'
    assert stuck in text
    assert waits in text
    goes_on = recordings.executed("b.bottom", "FORWARD", 1.0, 12.0)
    recordings.record(tmp_path, [*events, goes_on, recordings.ended(13)])
    write_trace(tmp_path, tmp_path / "trace.json")
    assert stuck not in (tmp_path / "trace.json").read_text()


@pytest.mark.parametrize(("arrive", "told"), [(CLOCK + 1, True), (CLOCK + 60, False)])
def test_messages_that_came_and_are_not_taken_speak_against_a_silent_link(
    arrive: float, *, told: bool
) -> None:
    channel = "alice.top->bob.bottom"
    view = RunView()
    view.fold(replace(started(1000), channels=(channel,)))
    view.fold(Sent(channel, "train", 0, 0, 100, CLOCK, arrive))
    silent = replace(STUCK, at="RECV 0 from alice.top", peer="alice.top", cause="link")
    view.fold(silent)
    lines = ["".join(each.text for each in line) for line in Frame(view).lines(80, 23)]
    found = [line.rstrip() for line in lines if line.startswith("1 message came to bob.bottom")]
    expected = "1 message came to bob.bottom, which takes none: is its process stopped?"
    assert found == ([expected] if told else [])
