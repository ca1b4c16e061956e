"""Samples of the machine and of a run's processes while it goes on, taken in a thread of their own.

Graphics processors are asked through NVIDIA's management library (NVML).
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection
from time import perf_counter
from typing import Any

import psutil
import pynvml

from splitrun.errors import one_line
from splitrun.events import Emit, Gpu, Sampled
from splitrun.usage import Meter, cpu_s, others

_FAILURES = (pynvml.NVMLError, UnicodeDecodeError)
"""What a query raises: the library's own errors, and a name that is no text."""


class Gpus:
    """The machine's graphics processors; without any, or without their driver, there are none.

    `note` says in one line why there are none, or what failed first; it is empty if nothing did.
    """

    def __init__(self) -> None:
        self.note = ""
        self._open = False
        self._devices: list[_Device] = []

    def __enter__(self) -> Gpus:
        try:
            pynvml.nvmlInit()
            self._open = True
            count = pynvml.nvmlDeviceGetCount()
            self._devices = [_Device(index, self._ask) for index in range(count)]
            self.note = self.note or ("" if count else "the driver has no GPU")
        except _FAILURES as error:
            self._note(error)
        return self

    def __exit__(self, *_: object) -> None:
        if self._open:
            self._ask(pynvml.nvmlShutdown)

    def read(self) -> tuple[Gpu, ...]:
        """All of them as they are now; None for what a driver does not tell."""
        return tuple(device.read() for device in self._devices)

    def _ask(self, query: Callable[..., Any], *arguments: object) -> Any:
        """A query's answer, or None if it fails."""
        try:
            return query(*arguments)
        except _FAILURES as error:
            if getattr(error, "value", None) != pynvml.NVML_ERROR_NOT_SUPPORTED:
                self._note(error)
            return None

    def _note(self, error: Exception) -> None:
        self.note = self.note or one_line(error)


class _Device:
    def __init__(self, index: int, ask: Callable[..., Any]) -> None:
        self._ask = ask
        self._handle = ask(pynvml.nvmlDeviceGetHandleByIndex, index)
        name = self._query(pynvml.nvmlDeviceGetName)
        self._name: str = name or f"GPU {index}"

    def read(self) -> Gpu:
        rates = self._query(pynvml.nvmlDeviceGetUtilizationRates)
        memory = self._query(pynvml.nvmlDeviceGetMemoryInfo)
        milliwatts = self._query(pynvml.nvmlDeviceGetPowerUsage)
        return Gpu(
            name=self._name,
            busy_percent=None if rates is None else float(rates.gpu),
            memory_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            power_w=None if milliwatts is None else milliwatts / 1000,
        )

    def _query(self, query: Callable[..., Any]) -> Any:
        return None if self._handle is None else self._ask(query, self._handle)


_SHORTEST_S = 0.1
"""Systems count what cores do in ticks of 10 ms, which of a shorter time tell next to nothing."""


_SHORTEST_OWN_S = 0.005
"""Of a shorter time, the moments at which clocks are read tell more than what was done."""


class Gauge:
    """Makes samples; all of them in one thread, for psutil counts the cores' time per thread.

    Args:
        roles: names of threads whose processor time counts.
        read_gpus: the graphics processors as they are.
    """

    def __init__(self, roles: Collection[str], read_gpus: Callable[[], tuple[Gpu, ...]]) -> None:
        self._read_gpus = read_gpus
        self._meter = Meter(roles)
        self._role_cpu_s: dict[str, float] = {}
        self._time, self._cpu_s = time.perf_counter(), cpu_s()
        self._busy = 0.0
        self._cores: tuple[float, ...] = ()
        self._cores_at = self._time
        psutil.cpu_percent(percpu=True)

    def read(self) -> Sampled:
        """A sample of this moment, its shares since the one before; they are the last ones still if
        that was only just now."""
        own, there = self._meter.read(), others()
        now, used_s = time.perf_counter(), own.cpu_s + there.cpu_s
        if now - self._time >= _SHORTEST_OWN_S:
            self._busy = max(0.0, used_s - self._cpu_s) / (now - self._time)
            self._time, self._cpu_s = now, used_s
        self._role_cpu_s |= {**own.role_cpu_s, **there.role_cpu_s}
        return Sampled(
            time=now,
            cpu_percent=100 * self._busy,
            core_percents=self._core_percents(now),
            memory_bytes=own.memory_bytes + there.memory_bytes,
            threads=own.threads + there.threads,
            descriptors=own.descriptors + there.descriptors,
            role_cpu_s=dict(self._role_cpu_s),
            gpus=self._read_gpus(),
        )

    def _core_percents(self, now: float) -> tuple[float, ...]:
        if not self._cores or now - self._cores_at >= _SHORTEST_S:
            self._cores, self._cores_at = tuple(psutil.cpu_percent(percpu=True)), now
        return self._cores


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

    def __init__(self, emit: Emit, interval_s: float = 0.5, roles: Collection[str] = ()) -> None:
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
