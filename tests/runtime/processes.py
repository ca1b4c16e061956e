"""Each party's roles of a plan in a process of its own, with pipes for channels between parties.

All that is used of splitrun is public: a `Job` that holds one party's roles, and ends of channels
that lead to the others'. Over a channel's pipe messages go one way and credits the other. A thread
of each end reads and never writes, so that no two parties wait for each other to read.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue

import msgspec
import torch

from splitrun import runtime
from splitrun.events import Emit, Evaluated, Event, Phase, Sent
from splitrun.plan import Channel, Plan, planned_faults
from splitrun.runtime.clock import now
from splitrun.session.job import job_of
from tests.runtime.running import Content, prepared


class Frame(msgspec.Struct, array_like=True):
    """A message as bytes; by default, a credit for one."""

    phase: Phase = "train"
    step: int = 0
    micro: int = 0
    digest: bytes = b""
    tensors: list[tuple[str, tuple[int, ...], bytes]] = []


class PipeEnd:
    """One end of a channel over a pipe: what comes in are credits to a sender, messages to a
    receiver."""

    def __init__(self, channel: Channel, pipe: Connection, capacity: int, emit: Emit) -> None:
        self._name, self._pipe, self._emit = channel.name, pipe, emit
        self._incoming: SimpleQueue[Frame | None] = SimpleQueue()
        for _ in range(capacity):
            self._incoming.put(Frame())
        self._sizes: list[int] = []
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(EOFError, OSError):  # the other party's process has ended
            while True:
                self._incoming.put(msgspec.msgpack.decode(self._pipe.recv_bytes(), type=Frame))
        self.close()

    def _write(self, frame: Frame, size: int) -> None:
        self._sizes.append(size)
        with suppress(OSError):  # who needs the other party hears of it by reading
            self._pipe.send_bytes(msgspec.msgpack.encode(frame))

    def _next(self) -> Frame:
        if (frame := self._incoming.get()) is None:
            raise runtime.ChannelClosed(self._name)
        return frame

    def ready(self) -> bool:
        return not self._incoming.empty()

    def due(self) -> None:
        return None

    def close(self) -> None:
        self._incoming.put(None)

    def statistics(self) -> runtime.ChannelStatistics:
        return runtime.ChannelStatistics(len(self._sizes), sum(self._sizes), 0)

    def send(self, message: runtime.Message) -> None:
        self._next()
        phase, step, micro, digest, tensors, *_ = message
        parts = [
            (str(it.dtype)[6:], tuple(it.shape), it.flatten().view(torch.uint8).numpy().tobytes())
            for it in tensors
        ]
        size = sum(tensor.nbytes for tensor in tensors)
        self._write(Frame(phase, step, micro, digest, parts), size)
        self._emit(Sent(self._name, phase, step, micro, size, now(), now()))

    def receive(self) -> runtime.Message:
        frame = self._next()
        tensors = tuple(
            torch.frombuffer(bytearray(content), dtype=getattr(torch, dtype)).view(shape)
            for dtype, shape, content in frame.tensors
        )
        self._write(Frame(), sum(tensor.nbytes for tensor in tensors))
        return runtime.Message(frame.phase, frame.step, frame.micro, frame.digest, tensors)


class Answer(msgspec.Struct):
    """What a party's process has come to."""

    digests: dict[str, str] = {}
    metrics: dict[str, float | None] = {}
    error: str = ""


def run_party(
    party: str, made: Content, pipes: Mapping[str, Connection], tells: Connection
) -> None:
    """What a process does: run the party's roles, and tell what they have come to."""
    experiment, events = prepared(made), list[Event]()
    plan, spec = experiment.plan, experiment.document.spec
    job, emit = job_of([experiment.parties.by_name[party]], plan), events.append
    far = [channel for channel in plan.channels if channel.name in pipes]
    out, into = ([it for it in far if (it.source in job.roles) is sends] for sends in (True, False))
    job = replace(
        job,
        senders={it.name: PipeEnd(it, pipes[it.name], it.capacity, emit) for it in out},
        receivers={it.name: PipeEnd(it, pipes[it.name], 0, emit) for it in into},
        hooks=[runtime.Faults(planned_faults(spec, plan))],
    )
    answer = Answer()
    try:
        answer.digests = dict(runtime.find_runtime("threaded")(job, runtime.Observer(emit)).digests)
    except Exception as error:  # noqa: BLE001 - told to the test
        answer.error = str(error)
    answer.metrics = next((it.metrics for it in events[::-1] if isinstance(it, Evaluated)), {})
    tells.send_bytes(msgspec.msgpack.encode(answer))


def run_in_processes(made: Content, plan: Plan) -> dict[str, Answer | None]:
    """What each party's process tells; None of one that ended without a word."""
    context = get_context("forkserver")
    context.set_forkserver_preload([__name__])
    party_of = {role.name: role.party for role in plan.roles}
    pipes: dict[str, dict[str, Connection]] = {party: {} for party in party_of.values()}
    for channel in plan.channels:
        source, target = party_of[channel.source], party_of[channel.target]
        if source != target:
            pipes[source][channel.name], pipes[target][channel.name] = context.Pipe()
    told = {party: context.Pipe(duplex=False) for party in pipes}
    for party, (_, tells) in told.items():
        context.Process(target=run_party, args=(party, made, pipes[party], tells)).start()
        for connection in (tells, *pipes[party].values()):
            connection.close()
    answers: dict[str, Answer | None] = dict.fromkeys(told)
    for party, (connection, _) in told.items():
        with connection, suppress(EOFError):
            answers[party] = msgspec.msgpack.decode(connection.recv_bytes(), type=Answer)
    return answers
