"""Recordings, read back: the events of a directory in the order in which they were written, and
how roles spent their time by them.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

import msgspec

from splitrun.errors import RunDirectoryError
from splitrun.events import AnyEvent, Event, Executed, RunEnded, RunStarted
from splitrun.files import LONGEST_LINE_BYTES, is_directory, is_something, open_regular
from splitrun.records.comparison import Shares
from splitrun.telemetry.jsonl import FIRST_PART, Continued, part_numbers, part_path

_CHUNK_BYTES = 1 << 18
_NO_EVENT = (ValueError, RecursionError)
"""What decoding raises, for text that is not UTF-8 and for lists a thousand deep, too."""

OnGap = Callable[[int], None]
"""Told how many events are missing before the next one: a long recording keeps no middle."""


def read_events(directory: Path, on_gap: OnGap | None = None) -> Iterator[AnyEvent]:
    """All events of a recording that are there, be its run over or not.

    Raises:
        RunDirectoryError: no recording, or a damaged one; names file and line. A last line that was
            not finished is no damage.
    """
    with Recording(directory, on_gap) as recording:
        yield from recording.read()


class Recording:
    """A recording that may still grow.

    Raises:
        RunDirectoryError: the directory has no events.
    """

    def __init__(self, directory: Path, on_gap: OnGap | None = None) -> None:
        if not is_something(part_path(directory, 0)):
            raise RunDirectoryError(_no_recording(directory))
        self._directory = directory
        self._on_gap = on_gap
        self._decoder = msgspec.json.Decoder(AnyEvent | Continued)
        self._part = -1
        self._file: BinaryIO | None = None
        self._lines = 0
        self._events = 0
        self._rest = b""
        self._peers: _Peers | None = None

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file that is being read."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def read(self) -> Iterator[AnyEvent]:
        """The events since the last call; at first all, from the beginning.

        Raises:
            RunDirectoryError: a line is no event; names file and line.
        """
        while True:
            following = [part for part in part_numbers(self._directory) if part > self._part]
            yield from self._read_part()
            if not following:
                return
            self._open(following[0])

    def _open(self, part: int) -> None:
        if self._rest:
            raise self._damaged("the line is not finished")
        self.close()
        path = part_path(self._directory, part)
        self._part, self._lines = part, 0
        try:
            self._file = open_regular(path)
        except FileNotFoundError:  # the run goes on and no longer keeps it
            if not part:
                raise RunDirectoryError(_no_recording(self._directory)) from None
            return
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            message = f"{path}: cannot be read: {reason}"
            raise RunDirectoryError(f"{message}; make it readable") from error

    def _read_part(self) -> Iterator[AnyEvent]:
        """The whole lines up to where the file ends now."""
        while self._file is not None and (chunk := self._file.read(_CHUNK_BYTES)):
            whole, newline, rest = (self._rest + chunk).rpartition(b"\n")
            self._rest = rest
            if len(rest) > LONGEST_LINE_BYTES:
                raise self._damaged("the line is longer than any event")
            if not self._events:  # 0.1.0 called an attempt a life
                whole = whole.replace(b'"life":', b'"attempt":', 1)
            for event in self._decode(whole + newline):
                if isinstance(event, Continued):
                    self._note_gap(event.events_before)
                else:
                    self._events += 1
                    yield self._with_peer(event)

    def _decode(self, text: bytes) -> list[AnyEvent | Continued]:
        try:
            events = self._decoder.decode_lines(text)
        except _NO_EVENT as error:
            raise self._located(text, error) from error
        self._lines += text.count(b"\n")
        return events

    def _located(self, text: bytes, error: Exception) -> RunDirectoryError:
        for line in text.split(b"\n"):
            try:
                if line.strip():
                    self._decoder.decode(line)
            except _NO_EVENT as found:
                error = found
                break
            self._lines += 1
        return self._damaged(f"no event: {error}")

    def _with_peer(self, event: AnyEvent) -> AnyEvent:
        """The event; a SEND or RECV that does not tell its peer gets one."""
        if isinstance(event, RunStarted):
            self._peers = _Peers(event.channels)
        elif self._peers is not None and isinstance(event, Executed):
            if event.peer:  # and so all of this recording's do
                self._peers = None
            else:
                return self._peers.told(event)
        return event

    def _note_gap(self, events_before: int) -> None:
        missing = events_before - self._events
        self._events = events_before
        if missing and self._on_gap is not None:
            self._on_gap(missing)

    def _damaged(self, what: str) -> RunDirectoryError:
        where = f"{part_path(self._directory, self._part)}:{self._lines + 1}"
        return RunDirectoryError(f"{where}: {what}; restore the file, or train again")


class _Peers:
    """The peers of SENDs and RECVs in recordings of 0.1.0, which do not tell them: a role speaks to
    its peers, for each slice of a batch, in the order of the run's channels."""

    def __init__(self, channels: Sequence[str]) -> None:
        self._of: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        """By role and kind of instruction."""
        self._next: dict[tuple[str, str], tuple[tuple[str, int, int], int]] = {}
        """Likewise, the slice of the last one, and whose turn is next in it."""
        for channel in channels:
            source, _, target = channel.partition("->")
            self._of[source, "SEND"].append(target)
            self._of[target, "RECV"].append(source)

    def told(self, event: Executed) -> Executed:
        """The event with its peer, if it has one."""
        place, part = (event.role, event.op), (event.phase, event.step, event.micro)
        peers = self._of.get(place)
        if peers is None:
            return event
        last, turn = self._next.get(place, (None, 0))
        turn = turn % len(peers) if last == part else 0
        self._next[place] = part, turn + 1
        return msgspec.structs.replace(event, peer=peers[turn])


def _no_recording(directory: Path) -> str:
    if not is_directory(directory):
        return f"{directory}: no such directory; give one that `splitrun train` has written"
    arms = sorted(path.parent.name for path in directory.glob(f"arms/*/{FIRST_PART}"))
    if arms:
        names = ", ".join(arms)
        return f"{directory}: a comparison; give the directory of one of its arms, arms/…: {names}"
    what = f"no {FIRST_PART} in it, so nothing tells what happened"
    return f"{directory}: {what}; give a directory that `splitrun train` has written"


_Spent = list[float]
"""Seconds: busy, in RECV, in SEND."""
_BUSY, _RECEIVE, _SEND = range(3)
_KINDS = {"RECV": _RECEIVE, "SEND": _SEND}


def shares(
    events: Iterable[Event], start: float | None = None, end: float | None = None
) -> Mapping[str, Shares]:
    """By role, over the time from `start` to `end`, times of the events' clock.

    By default that is the whole run, or what there is of one that goes on.
    """
    tally = ShareTally(start, end)
    tally.take_all(events)
    return tally.shares


class ShareTally:
    """Adds up how roles spend their time while events come; see `shares`."""

    def __init__(self, start: float | None = None, end: float | None = None) -> None:
        self._start, self._end = start, end
        self._latest = -math.inf if start is None else start
        self._first = self._latest
        self._spent: dict[str, _Spent] = {}

    def take_all(self, events: Iterable[Event]) -> None:
        """Enter events, in their order."""
        first, last = self._first, math.inf if self._end is None else self._end
        spent, latest = self._spent, self._latest
        for event in events:
            match event:
                case Executed():
                    seconds = min(event.end, last) - max(event.start, first)
                    if seconds > 0:
                        spent.setdefault(event.role, [0.0, 0.0, 0.0])[_kind(event)] += seconds
                    latest = max(latest, event.end)
                case RunStarted():
                    spent = {role: [0.0, 0.0, 0.0] for role in event.roles}
                    if self._start is None:
                        first = latest = event.clock
                case RunEnded():
                    latest = max(latest, event.end)
        self._first, self._spent, self._latest = first, spent, latest

    @property
    def shares(self) -> Mapping[str, Shares]:
        """By role, of the time up to now."""
        span_s = (self._latest if self._end is None else self._end) - self._first
        return {role: _shares(seconds, span_s) for role, seconds in self._spent.items()}


def _kind(event: Executed) -> int:
    return _KINDS.get(event.op, _BUSY)


def _shares(spent: _Spent, span_s: float) -> Shares:
    """An empty span was idle."""
    if span_s <= 0:
        return Shares(0.0, 0.0, 0.0, 1.0)
    busy, receive, send = (seconds / span_s for seconds in spent)
    return Shares(busy, receive, send, max(0.0, 1 - busy - receive - send))
