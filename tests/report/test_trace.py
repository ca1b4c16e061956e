"""Traces: what a viewer needs to show them, and that they show what happened."""

from __future__ import annotations

import json
import shutil
import tracemalloc
from collections import Counter, defaultdict
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from splitrun.cli.app import run
from splitrun.errors import RunDirectoryError, RunFailed
from splitrun.events import Event, Executed, Gpu, RunStarted, Sampled, Sent
from splitrun.report.trace import Steps, write_trace
from splitrun.session import train
from splitrun.telemetry import JsonLines, read_events
from tests.report.viewer import Record, check, names, slices
from tests.runtime.running import prepared, synthetic
from tests.telemetry.recordings import (
    BOTTOMS,
    CLOCK,
    TOP,
    ended,
    executed,
    long_run,
    record,
    sent,
    started,
)

SPECS: Mapping[str, Mapping[str, Any]] = {
    "stale": {
        "parties": 3,
        "pipeline": {"schedule": "stale", "depth": 4},
        "links": {"default": {"latency_ms": 4, "jitter_ms": 3}},
    },
    "microbatch": {
        "pipeline": {"schedule": "microbatch", "micro_batches": 3},
        "links": {"default": {"latency_ms": 2}},
    },
    "serial": {"runtime": {"type": "serial"}},
}


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Real runs, by the name of their spec."""
    runs = tmp_path_factory.mktemp("runs")
    return {
        name: Path(train(prepared(synthetic(**spec)), runs / name, [JsonLines()]).run_dir)
        for name, spec in SPECS.items()
    }


@pytest.fixture(params=SPECS)
def recording(request: pytest.FixtureRequest, recordings: Mapping[str, Path]) -> Path:
    return recordings[request.param]


def traced(directory: Path, output: Path, steps: Steps | None = None) -> list[Record]:
    """The records of a recording's trace."""
    write_trace(directory, output / "trace.json", steps)
    content = json.loads((output / "trace.json").read_text())
    assert content["displayTimeUnit"] == "ms"
    records: list[Record] = content["traceEvents"]
    return records


def test_the_format_is_kept(recording: Path, tmp_path: Path) -> None:
    check(traced(recording, tmp_path))


def test_every_instruction_is_on_its_roles_track(recording: Path, tmp_path: Path) -> None:
    events = list(read_events(recording))
    first = events[0]
    assert isinstance(first, RunStarted)
    records = traced(recording, tmp_path)
    threads = names(records, "thread")
    shown = [
        (threads[tid], each["name"].split()[0], each["ts"], each["dur"], each["cat"])
        for (pid, tid), track in slices(records).items()
        if names(records, "process")[pid] == "roles"
        for each in track
    ]
    happened = [
        (
            each.role,
            each.op,
            pytest.approx(1e6 * (each.start - first.clock), abs=0.001),
            pytest.approx(1e6 * (each.end - each.start), abs=0.0015),
            "wait" if each.op in ("SEND", "RECV") else "work",
        )
        for each in sorted(
            (event for event in events if isinstance(event, Executed)),
            key=lambda each: (first.roles.index(each.role), each.start),
        )
    ]
    assert sorted(shown, key=lambda each: (first.roles.index(each[0]), each[2])) == happened


def test_every_message_has_an_arrow_and_a_way(recording: Path, tmp_path: Path) -> None:
    sends = [event for event in read_events(recording) if isinstance(event, Sent)]
    records = traced(recording, tmp_path)
    assert sum(each["ph"] == "s" for each in records) == len(sends)
    processes = names(records, "process")
    shown = Counter(processes[each["pid"]] for each in records if each.get("cat") == "link")
    assert shown == Counter(event.channel for event in sends if event.arrive > event.start)


def test_counters_tell_how_many_messages_are_under_way(recording: Path, tmp_path: Path) -> None:
    events = list(read_events(recording))
    first = events[0]
    assert isinstance(first, RunStarted)
    records = traced(recording, tmp_path)
    processes = names(records, "process")
    arrows = {each["id"]: each for each in records if each["ph"] == "s"}
    assert arrows
    counted: dict[str, list[Record]] = defaultdict(list)
    for each in records:
        if each["ph"] == "C" and each["name"] == "in flight":
            counted[processes[each["pid"]]].append(each)
    for channel in first.channels:
        sends = [e for e in events if isinstance(e, Sent) and e.channel == channel]
        changes = [round(1e6 * (event.start - first.clock), 3) for event in sends]
        arrivals = [round(1e6 * (event.arrive - first.clock), 3) for event in sends]
        for each in counted[channel]:
            assert each["args"]["travelling"] == sum(
                start <= each["ts"] < arrive
                for start, arrive in zip(changes, arrivals, strict=True)
            )
        under_way = [
            each["args"]["travelling"] + each["args"]["waiting"] for each in counted[channel]
        ]
        assert under_way[-1] == 0
        assert sum(after > before for before, after in pairwise([0, *under_way])) == len(sends)


@pytest.mark.parametrize("steps", [Steps(4, 6), Steps(0, 1), Steps(9, None)])
def test_a_cut_shows_the_time_of_its_steps_and_nothing_else(
    steps: Steps, recording: Path, tmp_path: Path
) -> None:
    whole = traced(recording, tmp_path)
    cut = traced(recording, tmp_path, steps)
    check(cut)
    of_steps = [
        each
        for each in whole
        if each["ph"] == "X"
        and each.get("args", {}).get("phase") == "train"
        and each["args"]["step"] in steps
        and each["name"].split()[0] not in ("DRAIN", "EVALUATE")
    ]
    start = min(each["ts"] for each in of_steps)
    end = max(each["ts"] + each["dur"] for each in of_steps)
    expected = [
        each
        for each in whole
        if each["ph"] == "X" and each["ts"] <= end and each["ts"] + each["dur"] >= start
    ]
    assert [each["name"] for each in cut if each["ph"] == "X"] == [
        each["name"] for each in expected
    ]
    assert 0 < sum(each["ph"] == "s" for each in cut) < sum(each["ph"] == "s" for each in whole)


# --- recordings that are not whole ---------------------------------------------------------------


def relay(directory: Path, steps: int) -> list[Event]:
    """A run in which both bottoms send the top a message every 10 ms, 15 ms away."""
    events: list[Event] = [started(directory, steps)]
    for step in range(steps):
        at = 0.01 * step
        for bottom in BOTTOMS:
            events += [
                sent(f"{bottom}->{TOP}", at + 0.001, at + 0.016, step),
                executed(bottom, "SEND", at, at + 0.002, step),
            ]
        if step:
            events += [
                executed(TOP, "RECV", at - 0.001, at + 0.006, step - 1),
                executed(TOP, "RECV", at + 0.006, at + 0.0065, step - 1),
                executed(TOP, "LOSS", at + 0.0065, at + 0.008, step - 1),
            ]
    return [*events, ended(0.01 * steps)]


def test_where_the_middle_is_not_kept_every_arrow_still_has_its_ends(tmp_path: Path) -> None:
    events = relay(tmp_path, 4000)
    record(tmp_path, events, part_bytes=200_000, recent_parts=2)
    output = tmp_path / "out"
    output.mkdir()
    written = write_trace(tmp_path, output / "trace.json")
    records = json.loads((output / "trace.json").read_text())["traceEvents"]
    check(records)
    kept = len(list(read_events(tmp_path)))
    assert written.missing_events == len(events) - kept > 0
    assert written.bytes == (output / "trace.json").stat().st_size
    lost = 2 * 4
    assert sum(each["ph"] == "s" for each in records) > 2 * (kept / 7) - lost
    for each in records:
        if each["ph"] == "C":
            assert sum(each["args"].values()) <= 3


def test_messages_that_nobody_received_stay_under_way(tmp_path: Path) -> None:
    record(tmp_path, relay(tmp_path, 10))
    records = traced(tmp_path, tmp_path)
    check(records)
    last = [each for each in records if each["ph"] == "C"][-1]
    assert last["args"] == {"travelling": 0, "waiting": 1}


def test_a_run_that_goes_on_is_shown_as_far_as_it_is(tmp_path: Path) -> None:
    record(tmp_path, relay(tmp_path, 600))
    path = tmp_path / "events.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    records = traced(tmp_path, tmp_path)
    check(records)
    arrows = sum(each["ph"] == "s" for each in records)
    assert arrows == pytest.approx(2 * 600 * 2 / 3, abs=10)


def test_a_run_that_failed_has_a_trace(tmp_path: Path) -> None:
    content = synthetic(training={"optimizer": {"type": "sgd", "lr": 1e30}})
    with pytest.raises(RunFailed):
        train(prepared(content), tmp_path, [JsonLines()])
    (directory,) = tmp_path.iterdir()
    check(traced(directory, tmp_path))


def test_events_that_do_not_begin_with_a_start_are_no_run(tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").touch()
    with pytest.raises(RunDirectoryError, match="do not begin with the start of a run"):
        write_trace(tmp_path, tmp_path / "trace.json")
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


@pytest.mark.parametrize(
    "stranger", [executed("c.bottom", "LOSS", 0, 1), sent("c.bottom->a.top", 0, 1)]
)
def test_an_event_of_nobody_is_damage(stranger: Event, tmp_path: Path) -> None:
    record(tmp_path, [started(tmp_path), stranger, ended(1)])
    with pytest.raises(RunDirectoryError, match="of a role or link that is none of the run's"):
        write_trace(tmp_path, tmp_path / "trace.json")
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]


def test_any_number_of_records_is_good_json(tmp_path: Path) -> None:
    record(tmp_path, long_run(tmp_path, 1))
    others = len(traced(tmp_path, tmp_path)) - 1
    for total in (1023, 1024, 1025, 2048):
        record(tmp_path, long_run(tmp_path, total - others))
        assert len(traced(tmp_path, tmp_path)) == total


def test_memory_does_not_grow_with_the_run(tmp_path: Path) -> None:
    peaks = []
    for steps in (10_000, 40_000):
        directory = tmp_path / str(steps)
        record(directory, long_run(directory, steps))
        tracemalloc.start()
        write_trace(directory, tmp_path / "trace.json")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


# --- the machine ---------------------------------------------------------------------------------


def sampled(time: float, busy: float, role_cpu_s: float, *gpus: Gpu) -> Sampled:
    return Sampled(CLOCK + time, busy, (50.0, 100.0), 3 << 20, 7, 9, {TOP: role_cpu_s}, tuple(gpus))


def test_shares_count_from_the_sample_before_and_levels_from_their_own(tmp_path: Path) -> None:
    gpu = Gpu("H200", 40.0, 5 << 20, 80 << 30, 300.5)
    mute = Gpu("other", None, None, None, None)
    samples = [sampled(0.25, 120, 0.1, gpu, mute), sampled(0.75, 80, 0.2, gpu, mute)]
    record(tmp_path, [started(tmp_path), *samples, ended(1)])
    records = traced(tmp_path, tmp_path)
    found = [
        (each["ts"], each["name"], series, value)
        for each in records
        if each["ph"] == "C"
        for series, value in each["args"].items()
    ]
    for since, now, busy, role in ((0, 250_000, 120, 40), (250_000, 750_000, 80, 20)):
        assert (since, "CPU %", "process", busy) in found
        assert (since, "CPU %", "mean of cores", 75) in found
        assert (since, "CPU % of", TOP, pytest.approx(role)) in found
        assert (now, "memory MiB", "process", 3) in found
        assert (now, "number of", "threads", 7) in found
        assert (now, "number of", "descriptors", 9) in found
        assert (since, "GPU 0", "busy %", 40) in found
        assert (now, "GPU 0", "memory MiB", 5) in found
        assert (now, "GPU 0", "power W", 300.5) in found
    assert len(found) == 2 * 9


# --- the command line ----------------------------------------------------------------------------


def test_the_trace_is_written_beside_the_events_and_its_path_printed(
    recordings: Mapping[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    directory = recordings["stale"]
    assert run(["trace", str(directory)]) == 0
    captured = capsys.readouterr()
    assert captured.out == f"{directory / 'trace.json'}\n"
    assert captured.err == ""
    check(json.loads((directory / "trace.json").read_text())["traceEvents"])
    assert not list(directory.glob(".*"))


def test_an_arm_of_a_comparison_has_a_trace(
    recordings: Mapping[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arm = tmp_path / "arms" / "stale-4"
    arm.mkdir(parents=True)
    shutil.copy(recordings["stale"] / "events.jsonl", arm)
    assert run(["trace", str(arm), "--output", str(tmp_path / "own.json"), "--steps", ":5"]) == 0
    assert capsys.readouterr().out == f"{tmp_path / 'own.json'}\n"
    assert run(["trace", str(tmp_path)]) == 2
    assert "give the directory of one of its arms, arms/…: stale-4" in capsys.readouterr().err


def test_what_a_long_recording_no_longer_keeps_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record(tmp_path, long_run(tmp_path, 5000), part_bytes=100_000, recent_parts=1)
    missing = 5002 - len(list(read_events(tmp_path)))
    assert run(["trace", str(tmp_path)]) == 0
    told = f"note: {missing:,} events of the run's middle are not kept\n"
    assert capsys.readouterr().err == told


REFUSED: Mapping[str, tuple[str, str]] = {
    "no such directory": ("nowhere", "nowhere: no such directory"),
    "no recording": (".", "no events.jsonl in it"),
    "no such file": ("RUN --output no/where", "no/where: cannot be written"),
    "a file for a directory": ("RUN --output RUN/spec.yaml/x", "x: cannot be written: Not a dir"),
    "a directory": ("RUN --output .", ".: a directory; give --output the name of a file"),
    "steps that are not there": (
        "RUN --steps 18:20",
        "--steps 18:20: the recording has steps 0 to 17; give some of it",
    ),
    "no steps": ("RUN --steps 5", "two numbers, the second one larger"),
    "steps backwards": ("RUN --steps 5:5", "the second one larger"),
    "steps below 0": ("RUN --steps=-3:5", "the second one larger"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_mistake_is_told_in_a_line(
    case: str,
    recordings: Mapping[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments, told = REFUSED[case]
    before = set(recordings["microbatch"].iterdir())
    directory = str(recordings["microbatch"])
    assert run(["trace", *arguments.replace("RUN", directory).split()]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert told in " ".join(captured.err.split())
    assert "Traceback" not in captured.err
    assert list(tmp_path.iterdir()) == []
    assert set(recordings["microbatch"].iterdir()) == before
