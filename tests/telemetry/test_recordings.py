"""Recordings: what the sink writes the reader gives back, whatever became of the file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splitrun.errors import RunDirectoryError
from splitrun.events import Evaluated, Event, Gpu, Sampled, StepDone, Stuck, Waiting
from splitrun.telemetry import JsonLines, Recording, read_events
from tests.telemetry.recordings import CLOCK, ended, executed, long_run, record, sent, started

STEPS = 5000
PART_BYTES = 100_000


def all_kinds(directory: Path) -> list[Event]:
    gpu = Gpu("H200", 97.0, 1 << 30, None, None)
    return [
        started(directory),
        executed("a.bottom", "FORWARD", 0.1, 0.2),
        sent("a.bottom->a.top", 0.15, 0.3),
        StepDone(0, 0, 32, 0.7, CLOCK + 1),
        Evaluated(1, 1, 10, {"loss": 0.5, "auroc": None}, CLOCK + 1, CLOCK + 2),
        Stuck("a.top", "RECV 2 from b.bottom", "role", 2.5, 7.5, CLOCK + 2),
        Stuck(
            *("a.top", "RECV 2 from b.bottom", "link", 3.5, 6.5, CLOCK + 2),
            peer="b.bottom",
            waits=(Waiting("a.bottom", "a.top", 3.25),),
            over=True,
        ),
        Sampled(CLOCK + 2, 99.5, (1.0, 2.0), 1 << 28, 4, 12, {"a.top": 0.5}, (gpu,)),
        ended(3),
    ]


def test_every_kind_of_event_comes_back(tmp_path: Path) -> None:
    events = all_kinds(tmp_path)
    record(tmp_path, events)
    assert list(read_events(tmp_path)) == events


def test_a_short_run_is_one_file_with_one_json_object_a_line(tmp_path: Path) -> None:
    record(tmp_path, long_run(tmp_path, STEPS))
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["type"] for line in lines[:2]] == ["RunStarted", "Executed"]
    assert len(lines) == STEPS + 2


def test_a_long_run_keeps_its_beginning_and_its_recent_past(tmp_path: Path) -> None:
    events = long_run(tmp_path, STEPS)
    record(tmp_path, events, part_bytes=PART_BYTES, recent_parts=2)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert len(names) == 3
    assert names[-1] == "events.jsonl"
    gaps: list[int] = []
    kept = list(read_events(tmp_path, gaps.append))
    (missing,) = gaps
    assert missing > 0
    assert len(kept) + missing == len(events)
    first = next(index for index in range(len(kept)) if kept[index] != events[index])
    assert kept[first:] == events[first + missing :]


def test_a_recording_never_grows_beyond_its_parts(tmp_path: Path) -> None:
    sink = JsonLines(part_bytes=PART_BYTES, recent_parts=2)
    batch_bytes = 512 * 150
    for event in long_run(tmp_path, STEPS):
        sink(event)
        size = sum(path.stat().st_size for path in tmp_path.iterdir())
        assert size <= 3 * (PART_BYTES + batch_bytes)


def test_as_long_as_all_parts_are_kept_nothing_is_missing(tmp_path: Path) -> None:
    events = long_run(tmp_path, STEPS)
    record(tmp_path, events, part_bytes=PART_BYTES, recent_parts=100)
    assert len(list(tmp_path.iterdir())) > 3
    gaps: list[int] = []
    assert list(read_events(tmp_path, gaps.append)) == events
    assert gaps == []


def test_recording_anew_leaves_nothing_of_before(tmp_path: Path) -> None:
    record(tmp_path, long_run(tmp_path, STEPS), part_bytes=PART_BYTES)
    record(tmp_path, all_kinds(tmp_path))
    assert list(read_events(tmp_path)) == all_kinds(tmp_path)


def test_events_are_on_disk_soon_and_all_of_them_at_the_end(tmp_path: Path) -> None:
    sink = JsonLines()
    events = long_run(tmp_path, STEPS)
    for event in events[:-1]:
        sink(event)
    with Recording(tmp_path) as recording:
        early = list(recording.read())
        assert STEPS - 512 < len(early) <= STEPS + 1
        sink(events[-1])
        assert [*early, *recording.read()] == events
        assert list(recording.read()) == []


def test_a_reader_follows_a_run_from_part_to_part(tmp_path: Path) -> None:
    events = long_run(tmp_path, STEPS)
    sink = JsonLines(part_bytes=PART_BYTES, recent_parts=100)
    sink(events[0])
    seen: list[Event] = []
    with Recording(tmp_path) as recording:
        for number, event in enumerate(events[1:]):
            sink(event)
            if number % 700 == 0:
                seen += recording.read()
        seen += recording.read()
    assert seen == events


def test_a_reader_that_is_overtaken_tells_what_it_missed(tmp_path: Path) -> None:
    events = long_run(tmp_path, STEPS)
    sink = JsonLines(part_bytes=PART_BYTES, recent_parts=1)
    sink(events[0])
    gaps: list[int] = []
    with Recording(tmp_path, gaps.append) as recording:
        seen = list(recording.read())
        for event in events[1:]:
            sink(event)
        seen += recording.read()
    assert len(gaps) == 1
    assert len(seen) + gaps[0] == len(events)
    assert seen[-1] == events[-1]


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_torn_last_line_is_no_damage(tmp_path: Path, cut: int) -> None:
    events = all_kinds(tmp_path)
    record(tmp_path, events)
    path = tmp_path / "events.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(read_events(tmp_path)) == events[:-1]


def test_a_line_that_was_torn_is_read_when_it_is_whole(tmp_path: Path) -> None:
    events = all_kinds(tmp_path)
    record(tmp_path, events)
    path = tmp_path / "events.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-20])
    with Recording(tmp_path) as recording:
        assert list(recording.read()) == events[:-1]
        with path.open("ab") as file:
            file.write(content[-20:])
        assert list(recording.read()) == events[-1:]


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (b"not json", "no event: JSON is malformed"),
        (b'\n{"type":', "no event: "),
        (b"\xff\xfe{}", "no event: JSON is malformed"),
        (b'{"type":"StepDone","step":"one"}', "no event: Expected `int`, got `str` - at `$.step`"),
        (b'{"type":"Exploded"}', "no event: Invalid value 'Exploded' - at `$.type`"),
        (b'{"type":"RunEnded","status":"\xff"}', "no event: "),
        (b'{"type":"RunEnded","more":' + b"[" * 10_000, "no event: "),
    ],
)
def test_damage_is_told_with_file_and_line(tmp_path: Path, damage: bytes, what: str) -> None:
    record(tmp_path, long_run(tmp_path, STEPS))
    path = tmp_path / "events.jsonl"
    lines = path.read_bytes().split(b"\n")
    lines[4321] = damage
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(RunDirectoryError) as error:
        list(read_events(tmp_path))
    line = 4322 + damage.count(b"\n")
    assert str(error.value).startswith(f"{path}:{line}: {what}")


def test_a_torn_line_before_another_part_is_damage(tmp_path: Path) -> None:
    record(tmp_path, long_run(tmp_path, STEPS), part_bytes=PART_BYTES, recent_parts=1)
    path = tmp_path / "events.jsonl"
    content = path.read_bytes()
    path.write_bytes(content[:-5])
    line = content.count(b"\n")
    with pytest.raises(RunDirectoryError, match=rf"events\.jsonl:{line}: the line is not finished"):
        list(read_events(tmp_path))


def test_a_directory_without_events_is_no_recording(tmp_path: Path) -> None:
    with pytest.raises(RunDirectoryError, match="nowhere: no such directory"):
        list(read_events(tmp_path / "nowhere"))
    with pytest.raises(RunDirectoryError, match=r"no events\.jsonl in it"):
        list(read_events(tmp_path))


def test_a_comparison_names_its_arms(tmp_path: Path) -> None:
    for arm in ("stale-4", "sequential"):
        record(tmp_path / "arms" / arm, all_kinds(tmp_path / "arms" / arm))
    with pytest.raises(RunDirectoryError, match=r"one of its arms, arms/…: sequential, stale-4"):
        list(read_events(tmp_path))


def test_files_that_are_no_parts_are_left_alone(tmp_path: Path) -> None:
    record(tmp_path, all_kinds(tmp_path))
    for name in ("events.old.jsonl", "events.1.2.jsonl", "eventsmore.jsonl"):
        (tmp_path / name).write_text("not an event\n")
    assert list(read_events(tmp_path)) == all_kinds(tmp_path)
