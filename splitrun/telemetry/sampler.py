"""Samples of the machine while a run goes on, taken in a thread of their own."""

from __future__ import annotations

import math
import threading
from collections.abc import Collection
from time import perf_counter

from splitrun.errors import one_line
from splitrun.events import Emit
from splitrun.telemetry.gauge import Gauge
from splitrun.telemetry.gpu import Gpus

_PATIENCE_S = 2.0
"""A driver that does not answer is waited for no longer than this when the run is over."""


class Sampler:
    """A context in which `Sampled` events are emitted, the last one at its end.

    It has no influence on what it watches but its cost, and if it fails it stops: `note` then says
    why, as `gpu_note` says why there are no figures of GPUs. Both are one line, or empty.

    Args:
        emit: called in the sampler's thread.
        interval_s: between samples, counted from the start; one that comes too late is left out.
        roles: names of the threads whose processor time is told.
    """

    def __init__(self, emit: Emit, interval_s: float = 0.25, roles: Collection[str] = ()) -> None:
        self.note = ""
        self._emit = emit
        self._interval_s = interval_s
        self._roles = roles
        self._stopped = threading.Event()
        self._gpus = Gpus()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)

    def __enter__(self) -> Sampler:
        try:
            self._thread.start()
        except RuntimeError as error:  # the system has no more threads
            self.note = one_line(error)
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        if self._thread.ident is not None:
            self._thread.join(_PATIENCE_S)

    @property
    def gpu_note(self) -> str:
        """Why figures of GPUs are missing."""
        return self._gpus.note

    def _run(self) -> None:
        try:
            self._sample_until_stopped()
        except Exception as error:  # noqa: BLE001 - whatever it is, the run goes on
            self.note = one_line(error)

    def _sample_until_stopped(self) -> None:
        deadline = perf_counter() + self._interval_s
        with self._gpus:
            gauge = Gauge(self._roles, self._gpus.read)
            while not self._stopped.wait(max(0.0, deadline - perf_counter())):
                self._emit(gauge.read())
                deadline = following(deadline, self._interval_s, perf_counter())
            self._emit(gauge.read())


def following(deadline: float, interval_s: float, now: float) -> float:
    """The next deadline after one that is over: whole intervals later, and not yet past."""
    missed = math.floor(max(0.0, now - deadline) / interval_s)
    return deadline + interval_s * (missed + 1)
