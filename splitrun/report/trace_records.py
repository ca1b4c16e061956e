"""Events as records of the Trace Event Format.

Every role has a track of what it executed. Every link is a process of its own: messages on their
way lie on as many tracks as there are at once, and counters tell how many travel and how many have
arrived and wait. An arrow leads from the SEND to the RECV of every message. What was stuck when the
run ended is there for as long as it lasted, and so are the waits for it. Perfetto names a thread by
its number alone, so that numbers are unique over all processes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

from splitrun.events import (
    AnyEvent,
    Executed,
    Gpu,
    Phase,
    RunEnded,
    RunStarted,
    Sampled,
    Sent,
    Stuck,
)
from splitrun.report.trace_messages import Delivery, LinkTrace, Matcher, MessageCount

Record = dict[str, Any]

_ROLES, _MACHINE, _FIRST_LINK = 1, 2, 3
"""Numbers of processes."""
_FIRST_THREAD = 1001
_COLOURS = {"RECV": "grey", "SEND": "yellow", "stuck": "terrible"}
"""Colours of waits and of what is stuck in chrome://tracing; Perfetto gives every kind of
instruction a colour."""


class Span(NamedTuple):
    """A stretch of time, both ends included."""

    start: float
    end: float

    def meets(self, start: float, end: float) -> bool:
        """Whether any of the time from `start` to `end` lies in it."""
        return start <= self.end and end >= self.start


class TraceTimeline:
    """Turns events into records, in the order in which they come to be known.

    Args:
        span: there are no records of what is entirely outside.
    """

    def __init__(self, started: RunStarted, span: Span, write: Callable[[Record], None]) -> None:
        self._zero = started.clock
        self._span = span
        self._write = write
        self._threads = count(_FIRST_THREAD)
        self._arrows = count(1)
        self._matcher = Matcher()
        self._sampled: Sampled | None = None
        self._unfinished: dict[str, tuple[float, Record]] = {}
        """What roles were at when something was stuck, and since when."""
        self._last = started.clock
        self._processes = {"roles": _ROLES, "machine": _MACHINE}
        self._processes |= {name: _FIRST_LINK + at for at, name in enumerate(started.channels)}
        for name, process in self._processes.items():
            self._name({"pid": process}, "process", name, process)
        self._roles = {role: self._thread(_ROLES, role) for role in started.roles}
        self._links = {name: LinkTrace() for name in started.channels}
        self._lanes: dict[str, list[int]] = {name: [] for name in started.channels}

    def fold(self, event: AnyEvent) -> None:
        """Take in one event."""
        match event:
            case Executed():
                self._execute(event)
                if event.op == "RECV":
                    self._deliver(self._matcher.receive(event))
            case Sent():
                self._travel(event)
                self._deliver(self._matcher.send(event))
            case Sampled():
                self._measure(event)
            case Stuck():
                self._note_stuck(event)
            case RunEnded():
                self._last = max(self._last, event.end)

    def forget(self) -> None:
        """Events are missing here: what was under way is not known any more."""
        self._matcher.forget()
        self._unfinished.clear()
        for link in self._links.values():
            link.forget()

    def end(self) -> None:
        """Write what is left: messages that nobody received stay under way, and roles at what they
        did not finish."""
        for role, (start, content) in self._unfinished.items():
            self._slice((_ROLES, self._roles[role]), Span(start, self._last), content)
        for sent in self._matcher.under_way():
            self._count(sent.channel, self._links[sent.channel].leave(sent))
        for channel, link in self._links.items():
            self._count(channel, link.end())

    def _note_stuck(self, event: Stuck) -> None:
        self._last = max(self._last, event.time)
        self._unfinished.clear()
        if event.over:
            return
        for wait in event.waits:
            waits = {"name": f"waits for {wait.peer}", "cat": "wait", "cname": _COLOURS["RECV"]}
            self._unfinished[wait.role] = event.time - wait.for_s, waits
        stuck = {"name": f"{event.at}, stuck", "cat": "stuck", "cname": _COLOURS["stuck"]}
        self._unfinished[event.role] = event.time - event.for_s, stuck

    def _execute(self, event: Executed) -> None:
        if self._unfinished:
            self._unfinished.pop(event.role, None)
        colour = _COLOURS.get(event.op)
        self._slice(
            (_ROLES, self._roles[event.role]),
            Span(event.start, event.end),
            {
                "name": f"{event.op} {_slice_text(event.phase, event.step, event.micro)}",
                "cat": "wait" if colour else "work",
                **({"cname": colour} if colour else {}),
                "args": {"step": event.step, "micro": event.micro, "phase": event.phase},
            },
        )

    def _travel(self, sent: Sent) -> None:
        if sent.arrive <= sent.start:
            return
        lanes = self._lanes[sent.channel]
        process = self._processes[sent.channel]
        lane, new = self._links[sent.channel].lane(sent)
        if new:
            lanes.append(self._thread(process, sent.channel))
        self._slice(
            (process, lanes[lane]),
            Span(sent.start, sent.arrive),
            {
                "name": f"message {_slice_text(sent.phase, sent.step, sent.micro)}",
                "cat": "link",
                "args": {"bytes": sent.bytes},
            },
        )

    def _deliver(self, delivery: Delivery | None) -> None:
        if delivery is None:
            return
        sent, received = delivery
        self._count(sent.channel, self._links[sent.channel].deliver(delivery))
        if not self._span.meets(sent.start, sent.start) or received.start > self._span.end:
            return
        # An arrow's end must lie inside of its slice, which a slice's own end does not.
        last_us = round(self._us(received.end) - 0.001, 3)
        arrives_us = max(self._us(received.start), min(self._us(sent.arrive), last_us))
        arrow = {"name": "message", "cat": "message", "id": next(self._arrows), "pid": _ROLES}
        source = self._roles[sent.channel.partition("->")[0]]
        self._write({"ph": "s", "tid": source, "ts": self._us(sent.start), **arrow})
        target = self._roles[received.role]
        self._write({"ph": "f", "bp": "e", "tid": target, "ts": arrives_us, **arrow})

    def _count(self, channel: str, changes: Iterable[MessageCount]) -> None:
        process = self._processes[channel]
        for time, travelling, waiting in changes:
            values = {"travelling": travelling, "waiting": waiting}
            self._counter(process, "in flight", time, values)

    def _measure(self, sampled: Sampled) -> None:
        for name, time, values in counters(sampled, self._sampled, self._zero):
            self._counter(_MACHINE, name, time, values)
        self._sampled = sampled

    def _slice(self, track: tuple[int, int], span: Span, content: Record) -> None:
        if self._span.meets(*span):
            process, thread = track
            start = self._us(span.start)
            length = round(self._us(span.end) - start, 3)
            place = {"ph": "X", "pid": process, "tid": thread, "ts": start, "dur": length}
            self._write({**place, **content})

    def _counter(self, process: int, name: str, time: float, values: Mapping[str, float]) -> None:
        if values and self._span.meets(time, time):
            place = {"ph": "C", "pid": process, "ts": self._us(time)}
            self._write({**place, "name": name, "args": values})

    def _thread(self, process: int, name: str) -> int:
        number = next(self._threads)
        self._name({"pid": process, "tid": number}, "thread", name, number)
        return number

    def _name(self, track: Record, kind: str, name: str, place: int) -> None:
        """Name a process or a thread, and tell its place among the others."""
        for what, value in (("name", name), ("sort_index", place)):
            content = {"name": f"{kind}_{what}", "args": {what: value}}
            self._write({"ph": "M", **track, **content})

    def _us(self, time: float) -> float:
        """Microseconds since the run's start, to the nanosecond."""
        return round((time - self._zero) * 1e6, 3)


def _slice_text(phase: Phase, step: int, micro: int) -> str:
    """`17`, `17.2` or `3 (evaluation)`."""
    text = f"{step}.{micro}" if micro else f"{step}"
    return text if phase == "train" else f"{text} (evaluation)"


_MIB = 1 << 20


class Counter(NamedTuple):
    """Values from a moment on; one that is not known is left out."""

    name: str
    time: float
    values: Mapping[str, float]


def counters(sampled: Sampled, before: Sampled | None, start: float) -> Iterator[Counter]:
    """What a sample tells.

    A share is one of the time since the sample before, so that it counts from then on.

    Args:
        start: when the run began, for the first sample.
    """
    now, since = sampled.time, start if before is None else before.time
    cores = sampled.core_percents
    shares = {"process": sampled.cpu_percent}
    if cores:
        shares["mean of cores"] = sum(cores) / len(cores)
    yield Counter("CPU %", since, shares)
    seconds = {} if before is None else before.role_cpu_s
    roles = {
        role: 100 * (cpu_s - seconds.get(role, 0.0)) / (now - since)
        for role, cpu_s in sampled.role_cpu_s.items()
    }
    yield Counter("CPU % of", since, roles)
    yield Counter("memory MiB", now, {"process": sampled.memory_bytes / _MIB})
    counts = {"threads": sampled.threads, "descriptors": sampled.descriptors}
    yield Counter("number of", now, counts)
    for index, gpu in enumerate(sampled.gpus):
        yield from _gpu_counters(f"GPU {index}", gpu, now, since)


def _gpu_counters(name: str, gpu: Gpu, now: float, since: float) -> Iterator[Counter]:
    if gpu.busy_percent is not None:
        yield Counter(name, since, {"busy %": gpu.busy_percent})
    if gpu.memory_bytes is not None:
        yield Counter(name, now, {"memory MiB": gpu.memory_bytes / _MIB})
    if gpu.power_w is not None:
        yield Counter(name, now, {"power W": gpu.power_w})
