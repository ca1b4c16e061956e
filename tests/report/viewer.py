"""What a viewer of traces does with one, and demands of it."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

Record = dict[str, Any]
Track = tuple[int, int]


def slices(records: Iterable[Record]) -> Mapping[Track, Sequence[Record]]:
    """X records by track, in the order of time."""
    found: dict[Track, list[Record]] = defaultdict(list)
    for each in records:
        if each["ph"] == "X":
            found[each["pid"], each["tid"]].append(each)
    return {track: sorted(those, key=lambda each: each["ts"]) for track, those in found.items()}


def names(records: Iterable[Record], kind: str) -> Mapping[int, str]:
    """Of processes or threads, by their number."""
    key = {"process": "pid", "thread": "tid"}[kind]
    return {each[key]: each["args"]["name"] for each in records if each["name"] == f"{kind}_name"}


def around(those: Sequence[Record], time: float) -> Record:
    """The slice of a track that lies around a moment, its end excluded."""
    found = those[bisect_right(those, time, key=lambda each: each["ts"]) - 1]
    assert found["ts"] <= time < found["ts"] + found["dur"]
    return found


def check(records: Sequence[Record]) -> None:
    """All that the format demands."""
    phases = Counter(each["ph"] for each in records)
    assert set(phases) <= {"M", "X", "s", "f", "C"}
    threads = [(each["tid"], each["pid"]) for each in records if each["name"] == "thread_name"]
    assert len({tid for tid, _ in threads}) == len(threads)
    tracks = slices(records)
    assert set(tracks) <= {(pid, tid) for tid, pid in threads}
    for track in tracks.values():
        for before, after in pairwise(track):
            assert before["dur"] >= 0
            assert before["ts"] + before["dur"] <= after["ts"] + 0.0005
    check_arrows(records, tracks)
    last: dict[tuple[int, str, str], float] = {}
    for each in records:
        if each["ph"] == "C":
            for series, value in each["args"].items():
                key = each["pid"], each["name"], series
                assert each["ts"] >= last.get(key, 0.0)
                assert value >= 0
                last[key] = each["ts"]


def check_arrows(records: Sequence[Record], tracks: Mapping[Track, Sequence[Record]]) -> None:
    """Every arrow has two ends, and leads from a SEND to the RECV of the same slice."""
    starts = {each["id"]: each for each in records if each["ph"] == "s"}
    ends = {each["id"]: each for each in records if each["ph"] == "f"}
    assert len(starts) == sum(each["ph"] == "s" for each in records)
    assert len(ends) == sum(each["ph"] == "f" for each in records)
    assert set(starts) == set(ends)
    for number, start in starts.items():
        end = ends[number]
        assert (start["name"], start["cat"]) == (end["name"], end["cat"])
        assert end["bp"] == "e"
        assert start["ts"] <= end["ts"]
        source = around(tracks[start["pid"], start["tid"]], start["ts"])["name"].split()
        target = around(tracks[end["pid"], end["tid"]], end["ts"])["name"].split()
        assert (source[0], target[0]) == ("SEND", "RECV")
        assert source[1:] == target[1:]
